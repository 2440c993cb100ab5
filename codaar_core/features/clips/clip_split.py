"""A split whose clips are read from files on access."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path

import attrs
import numpy as np
import torch

from codaar_core.api import Batch, DataError, Features, Split
from codaar_core.api.deprecation import renamed, warn_renamed
from codaar_core.features.clips.bad_clips import REFUSE, BadClips, listed
from codaar_core.features.clips.tracks import RowTrack, Track
from codaar_core.features.file_defects import NOTHING, FileDefects


@attrs.frozen
class Inventory:
    """The files of a split that exist."""

    clips: int
    absent: Mapping[str, list[Path]]  # by modality
    defects: FileDefects = NOTHING
    findings = renamed("findings", "defects")

    @property
    def lines(self) -> list[str]:
        """Lines for display: one per modality and one per kind of defect."""
        files = [
            f"{m}: {self.clips - len(paths):,} of {self.clips:,} clips are there" for m, paths in self.absent.items()
        ]
        return [*files, *(f"{what}: {count:,}" for what, count in self.defects.counts.items())]


class ClipSplit(Split):
    """Clips that are read file by file.

    Clips of a batch may have different numbers of steps: shorter ones are padded with masked zeros. A clip without a
    modality has no steps in it, so that all of them are masked.

    Args:
        ids: Names of the clips.
        tracks: Features by modality.
        targets: Labels by modality.
        bad_clips: Rule for clips that cannot be read. If some may be skipped, every clip is read once on first access,
            because their number must be known; packing does not need this.
        defects: Tolerated defects of the tables that the ids come from.
        findings: Deprecated name of ``defects``.
        one_clock: Whether step i of all modalities is the same time, so that all are padded to one number of steps.
        least_steps: Number of steps that shorter clips are padded to in every batch.
    """

    def __init__(
        self,
        ids: Sequence[str],
        tracks: Mapping[str, Track],
        targets: Mapping[str, Track] | None = None,
        bad_clips: BadClips = REFUSE,
        defects: FileDefects = NOTHING,
        findings: FileDefects | None = None,
        one_clock: bool = False,
        least_steps: int = 1,
    ) -> None:
        if findings is not None:
            warn_renamed("ClipSplit(findings=...)", "ClipSplit(defects=...)")
            defects = findings
        self.all_ids = tuple(ids)
        self.tracks = dict(tracks)
        self.targets = dict(targets or {})
        self.bad_clips = bad_clips
        self.defects = defects
        self.one_clock = one_clock
        self.least_steps = least_steps
        self._kept: np.ndarray | None = None if bad_clips.action == "skip" else np.arange(len(self.all_ids))

    findings = renamed("findings", "defects")

    @property
    def kept(self) -> np.ndarray:
        """Numbers of the clips that can be read; of all clips if the rule skips none."""
        if self._kept is None:
            bad = self.damaged()
            if bad:
                self.bad_clips.check(bad, len(self.all_ids))
                warnings.warn(f"{len(bad):,} of {len(self.all_ids):,} clips are left out:{listed(bad)}", stacklevel=2)
            self._kept = np.array([clip for clip in range(len(self.all_ids)) if clip not in bad], dtype=np.int64)
        return self._kept

    @property
    def ids(self) -> Sequence[str]:
        """Names of the clips."""
        return [self.all_ids[clip] for clip in self.kept]

    @property
    def notes(self) -> Sequence[str]:
        """Defects of the tables and the number of clips left out."""
        return [*filter(None, [self.defects.summary]), *left_out(len(self.all_ids), len(self))]

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices``, in that order."""
        clips = self.kept[np.asarray(indices, dtype=np.int64)]
        read = {m: [track.read(clip) for clip in clips.tolist()] for m, track in self.tracks.items()}
        longest = {m: max((len(values) for values in each), default=0) for m, each in read.items()}
        if self.one_clock:
            longest = dict.fromkeys(longest, max(longest.values(), default=0))
        inputs = {m: padded(each, max(self.least_steps, longest[m])) for m, each in read.items()}
        return Batch(inputs, {m: _stacked(track, clips) for m, track in self.targets.items()})

    @property
    def lengths_vary(self) -> bool:
        """Whether the number of steps of a clip is known only when it is read."""
        return any(getattr(track, "lengths_vary", False) for track in self.tracks.values())

    @property
    def reads_files(self) -> bool:
        """Whether a track is more than rows of a table in memory."""
        return not all(isinstance(track, RowTrack) for track in (*self.tracks.values(), *self.targets.values()))

    def damaged(self, progress: Callable[[int], None] = lambda clip: None) -> dict[int, str]:
        """Read every clip; returns the reason for each unreadable one by its number, because ids may repeat."""
        bad = {}
        for clip in range(len(self.all_ids)):
            try:
                for track in (*self.tracks.values(), *self.targets.values()):
                    track.read(clip)
            except DataError as error:
                bad[clip] = error.message
            progress(clip)
        return bad

    def inventory(self) -> Inventory:
        """Check which files exist, without opening any."""
        absent = {m: track.absent() for m, track in self.tracks.items()}
        return Inventory(len(self.all_ids), absent, self.defects)

    def refuse_absent(self) -> None:
        """Refuse a split with missing files, unless bad clips may be skipped.

        Raises:
            DataError: Files are missing; it states their number and the first one.
        """
        if self.bad_clips.action == "skip":
            return
        for modality, paths in self.inventory().absent.items():
            if paths:
                raise DataError(
                    f"{len(paths):,} of {len(self.all_ids):,} clips have no file of {modality!r}, e.g. {paths[0]}",
                    'get these files, or leave the clips out with bad_clips = "skip" and a bad_share that allows it',
                )

    def unscreened(self) -> ClipSplit:
        """All clips regardless of the rule: an unreadable one is an error when it is read."""
        split = copy(self)
        split.bad_clips = attrs.evolve(self.bad_clips, action="refuse")
        split._kept = np.arange(len(self.all_ids))
        return split


def left_out(clips: int, kept: int) -> list[str]:
    """A line with the number of clips left out; none if all can be read."""
    return [f"{clips - kept:,} of {clips:,} clips cannot be read and are left out"] if kept < clips else []


def padded(clips: Sequence[np.ndarray], steps: int) -> Features:
    """Put clips (T, *shape) of different lengths T into one tensor (B, steps, *shape), shorter ones padded with zeros.

    Returns:
        The values and the mask of real steps; no mask if all steps are real.
    """
    lengths = np.array([len(clip) for clip in clips])
    if (lengths == steps).all():
        return Features(torch.from_numpy(np.stack(clips)))
    values = np.zeros((len(clips), steps, *clips[0].shape[1:]), np.result_type(*clips))
    for row, clip in zip(values, clips, strict=True):
        row[: len(clip)] = clip
    return Features(torch.from_numpy(values), torch.from_numpy(np.arange(steps) < lengths[:, None]))


def _stacked(track: Track, clips: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([track.read(clip) for clip in clips.tolist()]))
