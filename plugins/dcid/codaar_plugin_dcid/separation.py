"""Base of losses that separate codes from private features: which pairs of vectors they compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import attrs
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import ComponentError, LossContext, Shared, SharingLoss, Space, StepView, setting


class SeparationLoss(SharingLoss):
    """Compares codes x and private features y of each modality; private maps are first turned into vectors.

    Attributes:
        sides: The networks that turn private maps into vectors, by modality; trained with the model.
        widths: Width of x and of y, by modality with private features.

    Raises:
        ComponentError: No encoder has private features.
    """

    examples: ClassVar = ({"of": "latents"},)
    expected_failures: ClassVar = {"settings-matter": "side has an effect on private maps only; the kit gives vectors"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of all losses of this kind."""

        of: Literal["codes", "latents"] = setting(
            "codes", "x: straight-through codes (released code of DCID), or latents (paper)"
        )
        side: int = setting(512, "width of the vector made of a private map", ge(1))
        hidden: int = setting(128, "width of the hidden layers that compare x and y", ge(1))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        privates = {m: encoder.private for m, encoder in context.encoders.items() if encoder.private is not None}
        if not privates:
            name = type(self).__name__.lower()
            raise ComponentError(
                f"{name} needs private features, and no encoder has any", f"leave {name} out of losses"
            )
        self.sides = nn.ModuleDict({m: SideHead(s, config.side) for m, s in privates.items() if len(s.shape) > 1})
        y_widths = {m: config.side if m in self.sides else space.width for m, space in privates.items()}
        self.widths = {m: (context.latent.width, width) for m, width in y_widths.items()}

    def prepare(self, view: StepView) -> Shared:
        """Share the pairs of all modalities."""
        return Shared(clips=tuple(each for _, *pair in self.pairs(view) for each in pair))

    def of_all_clips(self, shared: Shared) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """The pairs of all clips by modality, as ``pairs``."""
        return dict(zip(self.widths, zip(*(shared.clips[part::3] for part in range(3)), strict=True), strict=True))

    def pairs(self, view: StepView) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """For each modality with private features x (B, T, D), y (B, T, Y), and which steps (B, T) are real."""
        for modality in self.widths:
            encoded = view.encoded[modality]
            x = view.quantized[modality].own if self.config.of == "codes" else encoded.semantic
            y = self.sides[modality](encoded.private) if modality in self.sides else encoded.private
            yield modality, x, y, encoded.real()


class SideHead(nn.Module):
    """A private map (..., H, W, C) -> a vector (..., S)."""

    def __init__(self, private: Space, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(private.width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, private: Tensor) -> Tensor:
        """Map (B, T, H, W, C) to (B, T, S), after a mean over the cells."""
        return self.layers(private.flatten(2, -2).mean(dim=2))
