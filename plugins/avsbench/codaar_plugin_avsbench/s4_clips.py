"""A split of AVSBench-S4 in one modality, with pictures that are read on access."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from codaar_core.features import ClipSplit, Track
from codaar_plugin_avsbench.pictures import MaskTrack, read_frame
from codaar_plugin_avsbench.s4_folder import Clip, S4Folder


class S4Clips(ClipSplit):
    """Clips with true masks (M, side, side), M = 1 in training; heads are given their five pictures.

    Args:
        folder: The data set.
        clips: Clips of the split.
        side: Height and width of pictures and masks in pixels.
        modality: Modality of the features.
        track: Features.
    """

    def __init__(self, folder: S4Folder, clips: Sequence[Clip], side: int, modality: str, track: Track) -> None:
        masks = MaskTrack([folder.masks(clip) for clip in clips], side)
        super().__init__([clip.name for clip in clips], {modality: track}, {modality: masks})
        self.frames = [folder.frames(clip) for clip in clips]
        self.recordings = [clip.recording for clip in clips]
        self.side = side

    @property
    def ids(self) -> Sequence[str]:
        """YouTube ids."""
        return self.recordings

    def given(self, indices: Sequence[int]) -> Tensor:
        """Read pictures (B, 5, 3, side, side)."""
        pictures = [[read_frame(path, self.side) for path in self.frames[clip]] for clip in indices]
        return torch.from_numpy(np.array(pictures, np.float32))
