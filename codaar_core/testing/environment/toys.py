"""Small inputs for every kind of component: random, seeded, with and without masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import (
    Batch,
    Card,
    DataContext,
    DataSource,
    Encoded,
    Features,
    Quantized,
    Space,
    Split,
    StepView,
)

MODALITIES = ("north", "east", "south", "west", "centre")
CLIPS, STEPS = 4, 5
SHAPES = ((8,), (6, 6, 8), (7, 7, 8), (8, 8, 8), (5, 8), (3, 32, 32), (128,), (768,))
LATENT = Space((8,))
PRIVATE = Space((6,))
CODES = Space((24,))  # of three codebooks
CLASSES = ("a", "b", "c")
CODEWORDS = 16


def generator_of(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def mask_of(clips: int, steps: int, generator: torch.Generator) -> Tensor:
    """Which steps (B, T) are real: clips of all lengths, with holes too; the first step always is."""
    mask = torch.rand(clips, steps, generator=generator) < 0.6
    mask[:, 0] = True
    mask[0] = True
    mask[-1, steps // 2 + 1 :] = False
    return mask


def features_of(space: Space, clips: int, steps: int, generator: torch.Generator, masked: bool = False) -> Features:
    """Normal features, one scale everywhere."""
    values = torch.randn(clips, steps, *space.shape, generator=generator)
    return Features(values, mask_of(clips, steps, generator) if masked else None)


def encoded_of(latent: Space, clips: int, steps: int, generator: torch.Generator, masked: bool = False) -> Encoded:
    """Normal latents, leaves that want a gradient."""
    features = features_of(latent, clips, steps, generator, masked)
    return Encoded(features.values.requires_grad_(), mask=features.mask)


def quantized_of(encoded: Mapping[str, Encoded], generator: torch.Generator) -> dict[str, Quantized]:
    """Nearest codewords of random codebooks, straight-through, whole rows as full codes."""
    first = next(iter(encoded.values())).semantic
    books = torch.randn(len(encoded), CODEWORDS, first.shape[-1], generator=generator).to(first.dtype)
    paths = {m: item.semantic - item.semantic.detach() for m, item in encoded.items()}
    row_path = torch.cat(list(paths.values()), dim=-1)
    return {
        modality: _nearest(item, books, number, paths[modality], row_path)
        for number, (modality, item) in enumerate(encoded.items())
    }


def _nearest(encoded: Encoded, books: Tensor, number: int, path: Tensor, row_path: Tensor) -> Quantized:
    distances = (encoded.semantic[..., None, :] - books[number]).square().sum(-1)
    indices = distances.argmin(-1)
    rows = books[:, indices].movedim(0, -2).flatten(-2)
    return Quantized(indices, books[number][indices] + path, rows + row_path, distances, encoded.mask)


def codes_of(
    codes: Space, latent: Space, clips: int, steps: int, generator: torch.Generator, masked: bool
) -> Quantized:
    """Looked-up codes of one modality, without distances: equal indices have equal codes."""
    indices = torch.randint(CODEWORDS, (clips, steps), generator=generator)
    own, full = (torch.randn(CODEWORDS, *space.shape, generator=generator)[indices] for space in (latent, codes))
    return Quantized(indices, own, full, mask=mask_of(clips, steps, generator) if masked else None)


def full_scale(dtype: torch.dtype) -> Tensor:
    """The value of a positive target: one, or 255 for eight bits."""
    return torch.tensor(255 if dtype == torch.uint8 else 1, dtype=dtype)


def target_forms(label: Tensor, steps: torch.Size, predicted: Tensor) -> dict[str, Tensor]:
    """The class (B,) of each clip in every form that a head's loss may take; ``steps`` is (B, T)."""
    each_step = label[:, None].expand(steps)
    whole = (label > 0).view(-1, *[1] * (predicted.dim() - 1)).expand(predicted.shape)
    return {
        "label": label,
        "label of each step": each_step,
        "classes of each step": F.one_hot(each_step, len(CLASSES)).float(),
        "classes": F.one_hot(label, len(CLASSES)).float(),
        "prediction": whole * full_scale(predicted.dtype),
    }


def view_of(modalities: Sequence[str], clips: int, steps: int, seed: int, masked: bool = False) -> StepView:
    """A training step; latents, private features and reconstructions are leaves that want a gradient."""
    generator = generator_of(seed)
    latents = {m: encoded_of(LATENT, clips, steps, generator, masked) for m in modalities}
    encoded = {
        m: item._replace(private=features_of(PRIVATE, clips, steps, generator).values.requires_grad_())
        for m, item in latents.items()
    }
    shape = (clips, steps, *LATENT.shape)
    return StepView(
        inputs={m: Features(torch.randn(shape, generator=generator), item.mask) for m, item in encoded.items()},
        encoded=encoded,
        quantized=quantized_of(encoded, generator),
        decoded={m: torch.randn(shape, generator=generator).requires_grad_() for m in modalities},
        epoch=0,
        step=0,
        generator=generator_of(seed),
    )


def without_distances(view: StepView) -> StepView:
    """The view that a loss is given which does not declare ``needs_distances``."""
    quantized = {modality: codes._replace(distances=None) for modality, codes in view.quantized.items()}
    return attrs.evolve(view, quantized=quantized)


# Records, changed tensor by tensor


def transform(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Change every tensor of a record, however nested."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: transform(item, change) for key, item in value.items()}
    if isinstance(value, tuple):
        items = (transform(item, change) for item in value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return attrs.evolve(value, **{field.alias: transform(getattr(value, field.name), change) for field in fields})
    return value


def without_real_steps(value: Any) -> Any:
    """The same records, but the mask of each of them has no real step."""
    if isinstance(value, Mapping):
        return {key: without_real_steps(item) for key, item in value.items()}
    if isinstance(value, Features | Encoded | Quantized):
        return value if value.mask is None else value._replace(mask=torch.zeros_like(value.mask))
    if isinstance(value, tuple):
        return tuple(without_real_steps(item) for item in value)
    if isinstance(value, StepView):
        names = ("inputs", "encoded", "quantized")
        return attrs.evolve(value, **{name: without_real_steps(getattr(value, name)) for name in names})
    return value


def tensors(value: Any) -> list[Tensor]:
    """Every tensor of a record."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    transform(value, note)
    return found


def as_type(value: Any, dtype: torch.dtype) -> Any:
    """Every floating-point tensor in another precision."""
    return transform(value, lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)


def part(value: Any, clips: slice) -> Any:
    """Some of the clips."""
    return transform(value, lambda tensor: tensor[clips])


def reordered(value: Any, order: Tensor) -> Any:
    """The same clips in another order."""
    return transform(value, lambda tensor: tensor[order])


def junk_where_masked(value: Any, mask: Tensor | None, generator: torch.Generator) -> Any:
    """Replace masked steps by large random numbers, indices by zero."""
    if mask is None:
        return value

    def change(tensor: Tensor) -> Tensor:
        if tensor.shape[:2] != mask.shape or tensor.dtype == torch.bool:
            return tensor
        junk = torch.zeros_like(tensor)
        if tensor.is_floating_point():
            junk = 30 * torch.rand(tensor.shape, generator=generator).to(tensor.dtype) + 1
        return torch.where(mask.view(*mask.shape, *[1] * (tensor.dim() - 2)), tensor, junk)

    return transform(value, change)


# Data


class ToySplit(Split):
    """Normal features; a clip's label shifts them."""

    def __init__(self, spaces: Mapping[str, Space], clips: int, seed: int, steps: int = STEPS) -> None:
        generator = generator_of(seed)
        self.label = torch.randint(len(CLASSES), (clips,), generator=generator)
        made = {m: features_of(space, clips, steps, generator).values for m, space in spaces.items()}
        self.values = {m: values + self.label.view(-1, *[1] * (values.dim() - 1)) for m, values in made.items()}

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read clips."""
        rows = torch.as_tensor(list(indices))
        inputs = {m: Features(values[rows]) for m, values in self.values.items()}
        return Batch(inputs, {m: self.label[rows] for m in self.values})


class ToyData(DataSource):
    """Answers every name of a split with the same kind of clips."""

    card = Card("toy features", "CC0-1.0", "made while it runs")

    def __init__(self, config: ToyData.Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Vectors."""
        return {modality: Space((8,), STEPS) for modality in self.modalities}

    def split(self, name: str) -> ToySplit:
        """Any split."""
        return self.synthetic(30, seed=len(name))

    def synthetic(self, clips: int, seed: int) -> ToySplit:
        """As any split."""
        return ToySplit(self.spaces, clips, seed)


def toy_data(needs: tuple[str, ...] = ()) -> ToyData:
    """The data of a benchmark whose plug-in brings none: of what it needs, and of others up to three."""
    return ToyData(ToyData.Config(), DataContext((*needs, *MODALITIES[len(needs) : 3])))
