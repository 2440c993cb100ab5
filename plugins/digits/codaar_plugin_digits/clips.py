"""Clips in memory: small tables, and the row of each second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from codaar_core.api import Batch, Features, Preview, Split
from codaar_plugin_digits.images import PatchMap
from codaar_plugin_digits.previews import Shown
from codaar_plugin_digits.timelines import SECONDS


class Track(Protocol):
    """One modality of all clips of a split."""

    def read(self, clips: Tensor) -> Features:
        """Features of some clips."""


class Rows(NamedTuple):
    """Features that are rows of a table."""

    table: Tensor  # (rows, *shape)
    rows: Tensor  # (clips, T) int64
    mask: Tensor | None = None  # (clips, T)

    def read(self, clips: Tensor) -> Features:
        """Gather rows."""
        return Features(self.table[self.rows[clips]], None if self.mask is None else self.mask[clips])


class Pictures(NamedTuple):
    """Features computed from pictures on access, because feature maps would need fifty times the memory."""

    pictures: Tensor  # (clips, T, 8, 8)
    patch_map: PatchMap

    def read(self, clips: Tensor) -> Features:
        """Turn pictures into maps."""
        return Features(self.patch_map(self.pictures[clips]))


class Lacking(NamedTuple):
    """A modality that some clips lack: their features are zero, and no time step is real."""

    track: Track
    present: Tensor  # (clips,) bool

    def read(self, clips: Tensor) -> Features:
        """Read the features and leave out those of clips that lack them."""
        features, present = self.track.read(clips), self.present[clips]
        values = features.values.masked_fill(~present.view(-1, *[1] * (features.values.dim() - 1)), 0)
        mask = present[:, None].expand(values.shape[:2])
        return Features(values, mask.clone() if features.mask is None else mask & features.mask)


class Clips(Split):
    """Clips of several modalities.

    Args:
        tracks: Features by modality, all with the same number of clips.
        targets: Labels (clips, ...) by modality; empty without labels.
        count: Number of clips.
        shown: What clips are like, by modality, for previews.
    """

    def __init__(
        self,
        tracks: Mapping[str, Track],
        targets: Mapping[str, Tensor],
        count: int,
        shown: Mapping[str, Shown] = MappingProxyType({}),
    ) -> None:
        self.tracks = tracks
        self.targets = targets
        self.count = count
        self.shown = dict(shown)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices``, in that order."""
        clips = torch.as_tensor(indices)
        inputs = {modality: track.read(clips) for modality, track in self.tracks.items()}
        return Batch(inputs, {modality: target[clips] for modality, target in self.targets.items()})

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        """The digit of a second, as it is written, spoken or spelled; None for synthetic clips."""
        shown = self.shown.get(modality)
        return None if shown is None or not 0 <= step < SECONDS else shown.preview(index, step)

    def only(self, *modalities: str) -> Clips:
        """The same clips in some modalities only; others are not computed."""
        tracks = {modality: track for modality, track in self.tracks.items() if modality in modalities}
        targets = {modality: target for modality, target in self.targets.items() if modality in modalities}
        shown = {modality: each for modality, each in self.shown.items() if modality in modalities}
        return Clips(tracks, targets, self.count, shown)
