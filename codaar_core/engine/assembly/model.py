"""The assembled model: one encoder and decoder a modality, one quantizer, the losses, the alignment steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from torch import Tensor, nn
from torch.optim import Optimizer

from codaar_core.api import (
    AlignmentStep,
    Decoder,
    Encoded,
    Encoder,
    Features,
    Loss,
    Quantized,
    Quantizer,
    RankAware,
    Ranks,
    StepView,
)


class Model(nn.Module):
    """Holds the parts; the training loop calls them one by one.

    Args:
        encoders: By modality.
        decoders: By modality; a modality without decoder is not reconstructed.
        losses: By the name that the recipe gives them.
        weights: Factor of each loss.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        encoders: Mapping[str, Encoder],
        decoders: Mapping[str, Decoder],
        losses: Mapping[str, Loss],
        weights: Mapping[str, float],
        align: Sequence[AlignmentStep],
    ) -> None:
        super().__init__()
        self.modalities = tuple(encoders)
        self.encoders = nn.ModuleDict(encoders)
        self.quantizer = quantizer
        self.decoders = nn.ModuleDict(decoders)
        self.losses = nn.ModuleDict(losses)
        self.weights = dict(weights)
        self.align = tuple(align)

    def join(self, ranks: Ranks) -> None:
        """Take statistics over all ranks, and train the losses' own estimators on all ranks' clips."""
        for part in self.children():
            for module in part.modules():
                if isinstance(module, RankAware):
                    module.join(ranks)
        for optimizer in self.loss_optimizers():
            optimizer.register_step_pre_hook(lambda optimizer, *_: _average(optimizer, ranks))

    def encode(self, inputs: Mapping[str, Features]) -> dict[str, Encoded]:
        """Encode every given modality, each alone."""
        return {modality: self.encoder(modality)(features) for modality, features in inputs.items()}

    def encoder(self, modality: str) -> Encoder:
        """The encoder of one modality."""
        return cast(Encoder, self.encoders[modality])

    def named_losses(self) -> dict[str, Loss]:
        """The losses by the name that the recipe gives them."""
        return {name: cast(Loss, loss) for name, loss in self.losses.items()}

    def decode(self, encoded: Mapping[str, Encoded], quantized: Mapping[str, Quantized]) -> dict[str, Tensor]:
        """Reconstruct every modality that has a decoder."""
        codes = self.quantizer.decodable(quantized)
        return {m: decoder(encoded[m], codes[m]) for m, decoder in self.decoders.items()}

    def loss_optimizers(self) -> list[Optimizer]:
        """Those of the losses that train an estimator by themselves."""
        return [loss.optimizer for loss in self.named_losses().values() if loss.optimizer is not None]

    def inner_steps(self, view: StepView) -> None:
        """Let the losses change what they keep themselves: estimators, teachers, queues."""
        for loss in self.named_losses().values():
            loss.inner_step(view)

    def terms(self, view: StepView) -> dict[str, Tensor]:
        """All weighted loss terms, named ``loss.term``."""
        return {
            f"{name}.{term}": self.weights[name] * value
            for name, loss in self.named_losses().items()
            for term, value in loss(view).items()
        }

    def clip_groups(self) -> Iterator[list[nn.Parameter]]:
        """Groups of parameters whose gradient norms are clipped together.

        They are encoders with the quantizer, parts that an encoder wants apart, decoders, and each loss.
        """
        apart = [part for modality in self.modalities for part in self.encoder(modality).clipped_apart]
        yield from clip_groups([*self.encoders.values(), self.quantizer], apart)
        yield trained(self.decoders)
        for loss in self.named_losses().values():
            own = estimated(loss)
            yield [each for each in trained(loss) if each not in own]


def _average(optimizer: Optimizer, ranks: Ranks) -> None:
    for parameter in (each for group in optimizer.param_groups for each in group["params"]):
        if parameter.grad is not None:
            parameter.grad = ranks.sum(parameter.grad) / ranks.size


def clip_groups(modules: Iterable[nn.Module], apart: Iterable[nn.Module]) -> list[list[nn.Parameter]]:
    """The trained parameters of ``modules`` as one group, and those of each part in ``apart`` as a group of its own."""
    own = [trained(part) for part in apart]
    elsewhere = {parameter for group in own for parameter in group}
    return [[each for module in modules for each in trained(module) if each not in elsewhere], *own]


def estimated(loss: Loss) -> set[nn.Parameter]:
    """Parameters that a loss trains by itself."""
    groups = [] if loss.optimizer is None else loss.optimizer.param_groups
    return {parameter for group in groups for parameter in group["params"]}


def trained(module: nn.Module) -> list[nn.Parameter]:
    """Parameters of ``module`` that want a gradient."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
