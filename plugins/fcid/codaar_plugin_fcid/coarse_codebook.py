"""Quantizer "coarse-codebook": one code for a whole clip in training, one for each step afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import and_, ge, le
from codaar_plugin_vqvae.codebooks import Codebooks
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, Quantized, QuantizerContext, Ranks, setting


class CoarseCodebook(Codebooks):
    """A shared codebook of coarse vectors (FCID, ACL 2025 Findings, released code).

    The mean latent of a clip is compressed by a linear map, which the fine modalities share, and a linear layer with
    ReLU turns it into the coarse vector that is quantized. In evaluation each step takes the codeword of
    ReLU(W2 W1 z_t) instead ("C_split"). Other modalities are not compressed, and have layers of their own. Decoders
    read the latents, which are the fine level.

    Raises:
        ComponentError: No modality of the model is fine, although some are named.
    """

    gives_distances = False  # codewords are near coarse vectors, not near latents
    example: ClassVar = {**Codebooks.example, "fine": ("north", "east")}
    examples: ClassVar = ({"books": "shared", "reset_after": 0, "fine": ()},)
    expected_failures: ClassVar = {
        "settings-matter": "start_iterations: k-means of few toy clips, each with one vector, ends after one iteration",
        "update-moves": "codewords approach coarse vectors, and the check measures their distance to latents",
        "[books=shared,reset_after=0,fine=]:update-moves": "as above",
    }

    @attrs.frozen(kw_only=True)
    class Config(Codebooks.Config):
        """Settings of the coarse codebook."""

        books: Literal["shared", "shared-in-turn"] = setting(
            "shared-in-turn", "shared: one update for all modalities; shared-in-turn: one for each (released)"
        )
        decode: Literal["row"] = setting("row", "row: no other way, there is one codebook")
        fine: tuple[str, ...] = setting((), "modalities that share time, and the layers to coarse vectors")
        own: float = setting(
            0.5, "share of a modality's coarse vector in its target; the others share the rest", and_(ge(0.0), le(1.0))
        )

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        self.fine = tuple(modality for modality in context.modalities if modality in config.fine)
        if config.fine and not self.fine:
            raise ComponentError(
                f"fine = {list(config.fine)}, and the model has none of them",
                f"name some of {', '.join(context.modalities)}",
            )
        self.group = {modality: "+".join(self.fine) if modality in self.fine else modality for modality in self.book}
        groups = dict.fromkeys(self.group.values())
        self.compress = nn.Linear(config.dim, config.dim) if self.fine else None
        self.general = nn.ModuleDict({name: coarse_layer(config.dim) for name in groups})

    def coarse(self, modality: str, encoded: Encoded) -> Encoded:
        """Turn each latent (B, T, D) into its coarse vector ``semantic``; ``target`` is the compressed latent."""
        group, latents = self.group[modality], encoded.semantic
        compressed = self.compress(latents) if modality in self.fine and self.compress is not None else latents
        return Encoded(self.general[group](compressed), mask=encoded.mask, target=compressed)

    def whole(self, modality: str, encoded: Encoded) -> Encoded:
        """Turn the mean latent of each clip into its coarse vector, (B, 1, D); see ``coarse``."""
        present = None if encoded.mask is None else encoded.mask.any(dim=1, keepdim=True)
        return self.coarse(modality, Encoded(encoded.mean().unsqueeze(1), mask=present))

    def assign(self, modality: str, coarse: Encoded) -> Quantized:
        """Assign coarse vectors to their nearest codewords, with gradients and distances."""
        wanted, self.wants_distances = self.wants_distances, True
        try:
            return super().quantize({modality: coarse})[modality]
        finally:
            self.wants_distances = wanted

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Give every step of a clip the code of the clip in training, and its own code in evaluation."""
        return {modality: self._codes(modality, item) for modality, item in encoded.items()}

    def _codes(self, modality: str, encoded: Encoded) -> Quantized:
        if not self.training:
            return self.assign(modality, self.coarse(modality, encoded))._replace(distances=None)
        codes = self.assign(modality, self.whole(modality, encoded))
        shape = encoded.semantic.shape
        own = codes.own.detach() + (codes.own - codes.own.detach()).expand(shape) * encoded.real()[..., None]
        return Quantized(codes.indices.expand(shape[:2]).contiguous(), own, own.clone(), mask=encoded.mask)

    def decoder_codes(
        self, encoded: Mapping[str, Encoded], quantized: Mapping[str, Quantized]
    ) -> Mapping[str, Quantized]:
        """The records with latents as ``full``: at the fine level, decoders read latents that are not quantized."""
        return {modality: codes._replace(full=encoded[modality].semantic) for modality, codes in quantized.items()}

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move codewords towards the coarse vectors of clips, mixed where a clip has all modalities."""
        level = {m: self.whole(m, Encoded(target, mask=assigned[m].mask)) for m, target in targets.items()}
        mixed = self.mixed({m: item.semantic for m, item in level.items()}, level)
        clips = {m: _clip_codes(assigned[m])._replace(mask=item.mask) for m, item in level.items()}
        super().update(mixed, clips, ranks)

    def mixed(self, vectors: Mapping[str, Tensor], level: Mapping[str, Encoded]) -> dict[str, Tensor]:
        """Replace each vector (B, 1, D) by ``own`` of it and equal shares of the others, if all are present."""
        if len(vectors) < 2:
            return dict(vectors)
        all_present = torch.stack([item.real() for item in level.values()]).all(dim=0)[..., None]
        total, share = sum(vectors.values()), (1 - self.config.own) / (len(vectors) - 1)
        return {
            m: torch.where(all_present, self.config.own * each + share * (total - each), each)
            for m, each in vectors.items()
        }


def coarse_layer(width: int) -> nn.Module:
    """Make the linear layer with ReLU from a compressed latent to a coarse vector or its private part."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())


def _clip_codes(codes: Quantized) -> Quantized:
    """The code (B, 1) of each clip, that of its first real step."""
    first = codes.real().int().argmax(dim=1, keepdim=True)
    indices = codes.indices.gather(1, first)
    return Quantized(indices, codes.own[:, :1], codes.full[:, :1])
