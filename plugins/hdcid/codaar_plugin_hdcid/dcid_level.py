"""Loss "dcid-level": the losses of DCID on one level of two-level latents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple

import attrs
import torch
from attrs.validators import ge
from codaar_plugin_cpc.cpc import Cpc
from codaar_plugin_dcid.club import Club
from codaar_plugin_vqvae.commitment import Commitment
from codaar_plugin_vqvae.squared_error import Compared, squared_errors
from torch import Tensor, nn

from codaar_core.api import (
    ComponentError,
    Encoded,
    Loss,
    LossContext,
    Quantized,
    Space,
    StepView,
    not_compiled,
    setting,
)
from codaar_plugin_hdcid.encoders import TwoLevels

LEVELS = ("first", "second")


class Private(NamedTuple):
    """What CLUB reads of an encoder: the space of private features."""

    private: Space


class DcidLevel(Loss):
    """Commitment, CPC and CLUB of one half of the latents, summed with weight 1 (H-DCID, released code).

    Private features of the first level are those y of the encoders, as vectors. The second level is made of y: its
    private features are p = ReLU(W y), and its term "reconstruction" compares V [U e, p] with y, where e is the code
    and y is not detached. Reconstruction of the first level is the loss ``reconstruction``. The released code has no
    CMCM at either level.

    Raises:
        ComponentError: Latents are of odd width, or a modality has no private vectors.
    """

    example: ClassVar = {"level": "second"}
    examples: ClassVar = ({"level": "first", "inner_steps": 1}, {"level": "second", "start_epoch": 3})
    expected_failures: ClassVar = {
        f"[level=second,start_epoch=3]:{check}": "nothing is trained before that epoch"
        for check in ("gradients", "reaches-something", "own-optimizer")
    }

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the losses of a level; the defaults are those of the released code."""

        level: Literal["first", "second"] = setting("first", "half of the latents and codes that it reads")
        start_epoch: int = setting(
            0,
            "epochs without these losses and without training CLUB's estimators (released: 3 at the second level)",
            ge(0),
        )
        own: float = setting(0.5, "weight of the commitment to the own codeword", ge(0.0))
        cross: float = setting(0.125, "weight of the commitment to each other modality's codeword", ge(0.0))
        cpc: float = setting(1.0, "weight of CPC; 0: none", ge(0.0))
        club: float = setting(1.0, "weight of CLUB; 0: none", ge(0.0))
        inner_steps: int = setting(5, "steps of CLUB's estimators for each step of the model", ge(1))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.context = context
        widths = {modality: vector_width(context, modality) for modality in context.modalities}
        half = Space((_half(context),))
        stand_ins = {modality: Private(Space((width,))) for modality, width in widths.items()}
        level = attrs.evolve(context, latent=half, code_space=half, encoders=stand_ins)
        self.commitment = Commitment(Commitment.Config(own=config.own, cross=config.cross), level)
        self.cpc = Cpc(Cpc.Config(), level) if config.cpc else None
        self.club = Club(Club.Config(inner_steps=config.inner_steps), level) if config.club else None
        self.optimizer = None if self.club is None else self.club.optimizer
        second = widths if config.level == "second" else {}
        self.specific = nn.ModuleDict({m: nn.Sequential(nn.Linear(w, w), nn.ReLU()) for m, w in second.items()})
        self.decoders = nn.ModuleDict({m: LevelDecoder(half.width, w) for m, w in second.items()})

    def inner_step(self, view: StepView) -> None:
        """Train the estimators of CLUB; all their steps use one detached forward pass."""
        if self.club is not None and view.epoch >= self.config.start_epoch:
            with torch.no_grad():
                level = self.level(view)
            self.club.inner_step(level)

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one term for each of the losses that are switched on; zeros before ``start_epoch``."""
        terms = dict(self._terms(view, self.level(view)))
        if view.epoch < self.config.start_epoch:
            return {name: each.new_zeros(()) for name, each in terms.items()}
        return terms

    def _terms(self, view: StepView, level: StepView) -> Iterator[tuple[str, Tensor]]:
        yield "commitment", _sum(self.commitment(level))
        if self.cpc is not None:
            yield "cpc", self.config.cpc * _sum(self.cpc(level))
        if self.club is not None:
            yield "club", self.config.club * _sum(self.club(level))
        if self.decoders:
            yield "reconstruction", self._reconstruction(view, level)

    @not_compiled  # torch cannot trace how a view is made
    def level(self, view: StepView) -> StepView:
        """The view with one half of the latents and codes, and with private vectors of this level."""
        encoded = {m: self._encoded(m, item) for m, item in view.encoded.items()}
        quantized = {m: self._quantized(codes) for m, codes in view.quantized.items()}
        return attrs.evolve(view, encoded=encoded, quantized=quantized)

    def _encoded(self, modality: str, encoded: Encoded) -> Encoded:
        private = self.vectors(modality, encoded)
        if self.decoders:
            private = self.specific[modality](private)
        return Encoded(self._own_half(encoded.semantic), private, encoded.mask)

    def _quantized(self, codes: Quantized) -> Quantized:
        own = self._own_half(codes.own)
        return Quantized(codes.indices, own, own, mask=codes.mask)

    def _own_half(self, values: Tensor) -> Tensor:
        return values.chunk(2, dim=-1)[LEVELS.index(self.config.level)]

    def vectors(self, modality: str, encoded: Encoded) -> Tensor:
        """Private features of an encoder as vectors (B, T, Y)."""
        encoder = self.context.encoders[modality]
        return encoder.second_input(encoded.private) if isinstance(encoder, TwoLevels) else encoded.private

    def _reconstruction(self, view: StepView, level: StepView) -> Tensor:
        compared = [
            Compared(
                self.decoders[m](level.quantized[m].own, item.private), self.vectors(m, view.encoded[m]), item.mask
            )
            for m, item in level.encoded.items()
        ]
        return torch.stack(squared_errors(compared, "mean", view.ranks)).sum()


class LevelDecoder(nn.Module):
    """Code (..., D) and private vector (..., Y) -> the vector (..., Y) of which the level is made."""

    def __init__(self, code: int, width: int) -> None:
        super().__init__()
        self.code = nn.Linear(code, width)
        self.output = nn.Linear(2 * width, width)

    def forward(self, code: Tensor, private: Tensor) -> Tensor:
        """Map (..., D) and (..., Y) to (..., Y)."""
        return self.output(torch.cat([self.code(code), private], dim=-1))


def vector_width(context: LossContext, modality: str) -> int:
    """Width of the private vectors of a modality.

    Raises:
        ComponentError: It has no private features, or maps that its encoder does not turn into vectors.
    """
    encoder = context.encoders[modality]
    if isinstance(encoder, TwoLevels):
        return encoder.second_width
    private = encoder.private
    if private is None or len(private.shape) > 1:
        found = "none" if private is None else f"maps {private.shape}"
        raise ComponentError(
            f"dcid-level needs private vectors of every modality, and the encoder of {modality} has {found}",
            'use an encoder of H-DCID, e.g. "two-level-vgg"',
        )
    return private.width


def _half(context: LossContext) -> int:
    width = context.latent.width
    if width % 2:
        raise ComponentError(
            f"dcid-level reads one of two equal halves of the latents, and these are {width} wide",
            'write quantizer.use = "two-level-codebooks"',
        )
    return width // 2


def _sum(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
