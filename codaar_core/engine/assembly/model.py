"""The assembled model: encoders and decoders by modality, the quantizer, losses and alignment steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeGuard, cast

from torch import Tensor, nn
from torch.optim import Optimizer

from codaar_core.api import (
    AlignmentStep,
    CodaarError,
    Decoder,
    Encoded,
    Encoder,
    Features,
    Loss,
    Quantized,
    Quantizer,
    RankAware,
    Ranks,
    Shared,
    SharingLoss,
    Space,
    StepView,
    exchange,
    sum_all,
)
from codaar_core.api.ranks import refuse_not_shared


class Model(nn.Module):
    """Contains the components of the model; the training loop calls them one by one.

    Args:
        quantizer: The quantizer.
        encoders: Encoders by modality.
        decoders: Decoders by modality; a modality without decoder is not reconstructed.
        losses: Losses by their name in the recipe.
        weights: Factor of each loss; the training loop sets those of a schedule at every step.
        align: Alignment steps of the codebook update, in order.
        spaces: Spaces of the features by modality; without them, shapes of features are not checked.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        encoders: Mapping[str, Encoder],
        decoders: Mapping[str, Decoder],
        losses: Mapping[str, Loss],
        weights: Mapping[str, float],
        align: Sequence[AlignmentStep],
        spaces: Mapping[str, Space] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.modalities = tuple(encoders)
        self.encoders = nn.ModuleDict(encoders)
        self.quantizer = quantizer
        self.decoders = nn.ModuleDict(decoders)
        self.losses = nn.ModuleDict(losses)
        self.weights = dict(weights)
        self.align = tuple(align)
        self.spaces = dict(spaces)

    def join(self, ranks: Ranks) -> None:
        """Make ``RankAware`` modules and the losses' own optimizers use the clips of all ranks; call once."""
        for part in self.children():
            for module in part.modules():
                if isinstance(module, RankAware):
                    module.join(ranks)
        for optimizer in self.loss_optimizers():
            average_gradients_over(ranks, optimizer)

    def encode(self, inputs: Mapping[str, Features]) -> dict[str, Encoded]:
        """Encode each given modality independently of the others."""
        return {modality: self.encoder(modality)(features) for modality, features in inputs.items()}

    def encoder(self, modality: str) -> Encoder:
        """Return the encoder of one modality."""
        return cast(Encoder, self.encoders[modality])

    def named_losses(self) -> dict[str, Loss]:
        """Return the losses by their name in the recipe."""
        return {name: cast(Loss, loss) for name, loss in self.losses.items()}

    def decode(self, encoded: Mapping[str, Encoded], quantized: Mapping[str, Quantized]) -> dict[str, Tensor]:
        """Reconstruct every modality that has a decoder; tensors (B, T, *shape)."""
        codes = self.quantizer.decoder_codes(encoded, quantized)
        return {m: decoder(encoded[m], codes[m]) for m, decoder in self.decoders.items()}

    def loss_optimizers(self) -> list[Optimizer]:
        """Return the optimizers of losses that train an estimator of their own."""
        return [loss.optimizer for loss in self.named_losses().values() if loss.optimizer is not None]

    def inner_steps(self, view: StepView) -> None:
        """Let the losses update their own state, e.g. estimators, teachers and queues."""
        for loss in self.named_losses().values():
            loss.inner_step(view)

    def terms(self, view: StepView, losses: Collection[str] | None = None) -> dict[str, Tensor]:
        """Return the weighted terms of the named losses, by default of all, as scalars named ``LOSS.TERM``."""
        chosen = {name: loss for name, loss in self.named_losses().items() if losses is None or name in losses}
        sharing = {name: loss for name, loss in chosen.items() if shares(loss)}
        own = [_prepared(name, loss, view) for name, loss in sharing.items()]
        shared = dict(zip(sharing, exchange(view.ranks, *own), strict=True))
        of_losses = {
            name: _terms_of(name, sharing[name].complete(view, shared[name]) if name in sharing else loss(view))
            for name, loss in chosen.items()
        }
        return {
            f"{name}.{term}": value if self.weights[name] == 1 else self.weights[name] * value
            for name, terms in of_losses.items()
            for term, value in terms.items()
        }

    def clip_groups(self) -> Iterator[list[nn.Parameter]]:
        """Yield the groups of parameters whose gradient norm is clipped together.

        The groups are: encoders and quantizer, each part of an encoder in ``clipped_apart``, decoders, and each loss.
        """
        apart = [part for modality in self.modalities for part in self.encoder(modality).clipped_apart]
        yield from clip_groups([*self.encoders.values(), self.quantizer], apart)
        yield trainable_parameters(self.decoders)
        for loss in self.named_losses().values():
            own = estimator_parameters(loss)
            yield [each for each in trainable_parameters(loss) if each not in own]


def shares(loss: Loss) -> TypeGuard[SharingLoss]:
    """Whether a loss is in two halves; a subclass that writes ``forward`` anew is not."""
    return isinstance(loss, SharingLoss) and type(loss).forward is SharingLoss.forward


def _prepared(name: str, loss: SharingLoss, view: StepView) -> Shared:
    own = loss.prepare(view)
    try:
        refuse_not_shared(own)
    except CodaarError as error:
        raise CodaarError(f"losses.{name}: {error.message}", error.help) from None
    return own


def _terms_of(name: str, terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Refuse a loss that does not return scalars by name."""
    if not isinstance(terms, Mapping):
        found = f"a {type(terms).__name__}"
    elif wrong := [term for term, value in terms.items() if not isinstance(value, Tensor) or value.dim()]:
        found = ", ".join(f"{term} = {_described(terms[term])}" for term in wrong)
    else:
        return terms
    raise CodaarError(
        f"losses.{name} should return scalars by name, it returns {found}",
        'return {"name": scalar}; take the mean or sum over clips and steps',
    )


def _described(value: object) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def average_gradients_over(ranks: Ranks, optimizer: Optimizer) -> None:
    """Make the optimizer step by the mean of all ranks' gradients from now on."""
    if ranks.size > 1:
        optimizer.register_step_pre_hook(lambda optimizer, *_: _average_gradients(optimizer, ranks))


def _average_gradients(optimizer: Optimizer, ranks: Ranks) -> None:
    parameters = [each for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
    for parameter, total in zip(parameters, sum_all(ranks, *(each.grad for each in parameters)), strict=True):
        parameter.grad = total / ranks.size


def clip_groups(
    modules: Iterable[nn.Module], apart: Iterable[nn.Module], not_clipped: Iterable[nn.Module] = ()
) -> list[list[nn.Parameter]]:
    """Return the trainable parameters of ``modules`` as one group, followed by one group for each part in ``apart``.

    Parameters of ``apart`` and ``not_clipped`` are not in the first group; those of ``not_clipped`` are in no group.
    """
    separate = [trainable_parameters(part) for part in apart]
    left_out = [trainable_parameters(part) for part in not_clipped]
    elsewhere = {parameter for group in (*separate, *left_out) for parameter in group}
    together = [each for module in modules for each in trainable_parameters(module) if each not in elsewhere]
    return [together, *separate]


def estimator_parameters(loss: Loss) -> set[nn.Parameter]:
    """Return the parameters that a loss trains with an optimizer of its own."""
    groups = [] if loss.optimizer is None else loss.optimizer.param_groups
    return {parameter for group in groups for parameter in group["params"]}


def trainable_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of ``module`` that require a gradient."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
