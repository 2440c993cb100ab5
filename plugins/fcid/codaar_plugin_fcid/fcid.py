"""Loss "fcid": the losses of FCID's coarse level, and contrastive prediction between its fine modalities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal, NamedTuple

import attrs
import torch
from attrs.validators import ge, gt
from codaar_plugin_cmcm.cmcm import Cmcm
from codaar_plugin_cpc.cpc import Cpc
from codaar_plugin_dcid.club import Club
from codaar_plugin_infonce.infonce import contrast
from codaar_plugin_vqvae.commitment import Commitment
from codaar_plugin_vqvae.squared_error import Compared, squared_errors
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, Loss, LossContext, Shared, Space, StepView, gather_clips, setting
from codaar_plugin_fcid.coarse_codebook import CoarseCodebook, coarse_layer


class Private(NamedTuple):
    """What CLUB reads of an encoder: the space of private features."""

    private: Space


class ClubOfGroups(Club):
    """CLUB of coarse vectors: modalities that share layers share an estimator, their clips one below the other."""

    def __init__(self, config: Club.Config, context: LossContext, group: Mapping[str, str]) -> None:
        super().__init__(config, context)
        self.group = dict(group)  # by modality

    def pairs(self, view: StepView) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """The pairs of this rank's clips by group; ``view`` has the coarse vectors by modality."""
        yield from ((group, *pair) for group, pair in self.stacked(self._of_modalities(view)).items())

    def prepare(self, view: StepView) -> Shared:
        """Share the pairs of all modalities: ranks put the clips of a modality one below the other first."""
        return Shared(clips=tuple(each for pair in self._of_modalities(view) for each in pair))

    def of_all_clips(self, shared: Shared) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """The pairs of all clips by group."""
        return self.stacked(zip(*(shared.clips[part::3] for part in range(3)), strict=True))

    def _of_modalities(self, view: StepView) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for modality in self.group:
            item = view.encoded[modality]
            yield item.semantic, item.private, item.real()

    def stacked(self, pairs: Iterable[tuple[Tensor, Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """Put the pairs of the modalities of each group one below the other."""
        members: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}
        for group, pair in zip(self.group.values(), pairs, strict=True):
            members.setdefault(group, []).append(pair)
        return {g: tuple(torch.cat(each) for each in zip(*of_group, strict=True)) for g, of_group in members.items()}


class Fcid(Loss):
    """FCID's losses, summed with weight 1 as released (ACL 2025 Findings), except those of the fine level.

    On the coarse vectors of whole clips: reconstruction of the compressed latents from code and private part (targets
    are not detached), commitment, CMCM, InfoNCE from each fine to each other modality, and CLUB between coarse vectors
    and their private parts, with one estimator for all fine modalities. On latents: CPC between the fine modalities.
    Fine reconstruction and the CLUB of fine private features are the losses ``reconstruction`` and ``club``.

    Raises:
        ComponentError: The model's quantizer is not ``coarse-codebook``.
    """

    expected_failures: ClassVar = {"builds": "needs the quantizer coarse-codebook, and the kit has a toy quantizer"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of FCID; the defaults are those of the released code."""

        own: float = setting(0.5, "weight of the commitment to the own codeword", ge(0.0))
        cross: float = setting(0.125, "weight of the commitment to each other modality's codeword", ge(0.0))
        cmcm: float = setting(0.5, "weight of CMCM on coarse codes; 0: none", ge(0.0))
        temperature: float = setting(0.1, "divisor of the cosines of InfoNCE", gt(0.0))
        cpc: float = setting(1.0, "weight of CPC between the fine modalities; 0: none", ge(0.0))
        club: float = setting(1.0, "weight of CLUB between coarse vectors and private parts; 0: none", ge(0.0))
        club_reduction: Literal["mean", "sum"] = setting(
            "mean", "CLUB over the clips of a batch: mean, or sum (released, so its weight grows with the batch)"
        )

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        if not isinstance(context.quantizer, CoarseCodebook):
            raise ComponentError(
                "the loss fcid needs coarse vectors, which this quantizer does not have",
                'write quantizer.use = "coarse-codebook"',
            )
        self.context = context
        fine, groups = context.quantizer.fine, list(dict.fromkeys(context.quantizer.group.values()))
        self.others = tuple(modality for modality in context.modalities if modality not in fine)
        width = context.latent.width
        self.specific = nn.ModuleDict({group: coarse_layer(width) for group in groups})
        self.decoders = nn.ModuleDict({group: nn.Linear(2 * width, width) for group in groups})
        self.commitment = Commitment(Commitment.Config(own=config.own, cross=config.cross), context)
        self.cmcm = Cmcm(Cmcm.Config(), context) if config.cmcm and len(context.modalities) > 1 else None
        of_fine = attrs.evolve(context, modalities=fine)
        self.cpc = Cpc(Cpc.Config(), of_fine) if config.cpc and len(fine) > 1 else None
        privates = dict.fromkeys(groups, Private(context.latent))
        stacked = attrs.evolve(context, modalities=tuple(groups), encoders=privates)
        group = context.quantizer.group
        self.club = ClubOfGroups(Club.Config(of="latents"), stacked, group) if config.club else None
        self.optimizer = None if self.club is None else self.club.optimizer

    @property
    def quantizer(self) -> CoarseCodebook:
        """The model's quantizer."""
        assert isinstance(self.context.quantizer, CoarseCodebook)
        return self.context.quantizer

    def inner_step(self, view: StepView) -> None:
        """Train the estimators of CLUB; all their steps use one detached forward pass."""
        if self.club is not None:
            with torch.no_grad():
                coarse = self.coarse(view)
            self.club.inner_step(coarse)

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one term for each of the losses that are switched on."""
        return dict(self._terms(view))

    def _terms(self, view: StepView) -> Iterator[tuple[str, Tensor]]:
        coarse = self.coarse(view)
        yield "reconstruction", self._reconstruction(coarse)
        yield "commitment", _sum(self.commitment(coarse))
        if self.cmcm is not None:
            yield "cmcm", self.config.cmcm * _sum(self.cmcm(coarse))
        if self.quantizer.fine and self.others:
            yield "contrast", self._contrast(coarse)
        if self.cpc is not None:
            fine = {modality: view.encoded[modality] for modality in self.quantizer.fine}
            yield "cpc", self.config.cpc * _sum(self.cpc(attrs.evolve(view, encoded=fine)))
        if self.club is not None:
            bounds = self.club(coarse)
            yield "club", self.config.club * _sum({g: self._clips(coarse, g) * each for g, each in bounds.items()})

    def coarse(self, view: StepView) -> StepView:
        """The view with the coarse vectors of clips as latents, (B, 1, D), their private parts and their codes."""
        encoded = {modality: self._whole(modality, item) for modality, item in view.encoded.items()}
        codes = {modality: self.quantizer.assign(modality, item) for modality, item in encoded.items()}
        return attrs.evolve(view, encoded=encoded, quantized=codes)

    def _whole(self, modality: str, encoded: Encoded) -> Encoded:
        coarse = self.quantizer.whole(modality, encoded)
        return coarse._replace(private=self.specific[self.quantizer.group[modality]](coarse.target))

    def _reconstruction(self, coarse: StepView) -> Tensor:
        compared = []
        for modality, item in coarse.encoded.items():
            read = torch.cat([coarse.quantized[modality].own, item.private], dim=-1)
            prediction = self.decoders[self.quantizer.group[modality]](read)
            compared.append(Compared(prediction, item.target, item.mask))
        return torch.stack(squared_errors(compared, "mean", coarse.ranks)).sum()

    def _contrast(self, coarse: StepView) -> Tensor:
        """InfoNCE of clips, from each fine modality to each of the others."""
        losses = []
        for fine in self.quantizer.fine:
            for other in self.others:
                one, key = coarse.encoded[fine], coarse.encoded[other]
                both = (one.real() & key.real())[:, 0]
                anchors, keys, real = gather_clips(coarse.ranks, one.semantic[:, 0], key.semantic[:, 0], both)
                losses.append(contrast(anchors[None], keys[None], real[None], self.config.temperature))
        return torch.stack(losses).sum()

    def _clips(self, coarse: StepView, group: str) -> Tensor | float:
        """The number of clips that the released estimate sums over; 1 for the mean."""
        if self.config.club_reduction == "mean":
            return 1.0
        members = [coarse.encoded[modality] for modality, of in self.quantizer.group.items() if of == group]
        return coarse.ranks.sum(torch.stack([item.real().sum() for item in members]).sum())


def _sum(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
