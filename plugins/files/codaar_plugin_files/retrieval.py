"""Benchmark "files-retrieval": the same clip in another modality, without training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from codaar_plugin_cmg.labels import Items

from codaar_core.api import DataError
from codaar_core.features import ClipSplit, FileDefects, RowTrack
from codaar_plugin_files.benchmark import FilesBenchmark


class FilesRetrieval(Items, FilesBenchmark):
    """Retrieval of your own clips: the same clip in another modality, by the cosine of mean codes, without training.

    Clips that have all modalities of the model are searched. Several arrays of a clip, ``ID#0``, ``ID#1``, e.g. of its
    captions, are entries of the same item.
    """

    def split(self, role: str, modality: str) -> ClipSplit:
        """All arrays of the test clips in one modality.

        Raises:
            DataError: The role is not "test", because nothing is trained, or no clip has all modalities.
        """
        if role != "test":
            raise DataError(f"retrieval has no {role} clips", "use a head without parameters: mean-code")
        clips = [clip for clip in self.in_role(role) if self.is_labelled(clip)]
        if not clips:
            raise DataError(f"no test clip has all of {', '.join(self.modalities)}", "add the missing features")
        arrays = self.clips.names[modality]
        entries = [(clip, name) for clip in clips for name in arrays[clip]]
        number = {clip: index for index, clip in enumerate(clips)}
        targets = {modality: self.targets(modality, [str(number[clip]) for clip, _ in entries])}
        names = {modality: [name for _, name in entries]}
        return self.data.opened([clip for clip, _ in entries], names, targets, self.defects)

    def is_labelled(self, clip: str) -> bool:
        """Whether a clip has all modalities."""
        return len(self.clips.known[clip]) == len(self.modalities)

    def targets(self, modality: str, clips: Sequence[str]) -> RowTrack:
        """Number of the item of each entry."""
        rows = np.array([int(clip) for clip in clips], dtype=np.int64)
        return RowTrack(np.arange(int(rows.max()) + 1), rows)

    @property
    def defects(self) -> FileDefects:
        """Those of the data."""
        return self.clips.defects
