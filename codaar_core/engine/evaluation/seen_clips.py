"""Finds benchmark clips whose recordings were used before, and collects tolerated defects of data files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from codaar_core.api import CodaarError, Split
from codaar_core.engine.record.pretraining_clips import WITHOUT_NAMES, RecordingHashes
from codaar_core.features.clips.split_subset import SplitSubset

UNKNOWN = "pretraining clips: unknown, seen clips cannot be counted ("


class Seen(NamedTuple):
    """Number of clips of one split, and of those whose recordings were used before."""

    benchmark: str
    role: str
    modality: str
    clips: int
    seen: int
    dropped: bool
    used_in: str


class Recordings(NamedTuple):
    """Recordings that were used before a clip is evaluated.

    Attributes:
        hashes: Which they are; empty if unknown.
        drop: Whether to leave out clips that come from them.
        used_in: Where they were used: "pretraining", or "training" of the heads of a benchmark.
        setting: The setting of the recipe that decides ``drop``.
    """

    hashes: RecordingHashes
    drop: bool
    used_in: str
    setting: str


class SeenClips:
    """Compares the recordings of benchmark clips with those of pretraining and of the training of heads, by name.

    Args:
        pretrained: Recordings of the pretraining clips.
        drop: Whether to leave out clips seen in pretraining.

    Attributes:
        found: Counts of each split compared, in order; splits without names are not compared.
        notes: Tolerated defects of data files, one line each.
    """

    def __init__(self, pretrained: RecordingHashes, drop: bool) -> None:
        self.pretraining = Recordings(pretrained, drop, "pretraining", "evaluate.seen")
        self.training: dict[tuple[str, str], Recordings] = {}
        self.found: list[Seen] = []
        self.notes: list[str] = []

    def add_training(self, benchmark: str, modality: str, names: Iterable[str], drop: bool) -> None:
        """Add the recordings on which the heads are trained that are tested on clips of a benchmark in one modality."""
        recordings = RecordingHashes.of(names)
        self.training[benchmark, modality] = Recordings(recordings, drop, "training", "evaluate.repeated")

    def note_unknown(self) -> None:
        """Add a note if the list of pretraining clips is missing, as of imported weights.

        Clips without names, in pretraining and in all benchmarks, get no note: there is nothing to compare.

        Raises:
            CodaarError: The pretraining clips are unknown, and clips seen in pretraining are to be dropped.
        """
        reason = self.pretraining.hashes.unknown
        if reason and self.pretraining.drop:
            raise CodaarError(
                f'evaluate.seen = "drop": {UNKNOWN}{reason})',
                'set evaluate.seen = "keep", or record the pretraining clips: name the clips of the data source '
                "(Split.ids), or import the model with the recipe of its data",
            )
        if reason != WITHOUT_NAMES:
            self._add_note()

    def record_warnings(self, split: Split, benchmark: str, role: str, modality: str) -> None:
        """Add the tolerated file defects of a split to ``notes``."""
        self.notes += [f"{benchmark}, {role}, {modality}: {note}" for note in split.notes]

    def filtered(self, split: Split, benchmark: str, role: str, modality: str) -> Split:
        """Count the clips of ``split`` that were used in pretraining, or in the training of heads tested on it.

        Returns:
            The split, without these clips if they are to be dropped.

        Raises:
            CodaarError: All clips would be dropped.
        """
        ids = split.ids
        if ids is None:
            return split
        self._add_note()
        before = [each for each in self._used_before(benchmark, role, modality) if each.hashes.hashes]
        dropped: set[int] = set()
        for recordings in before:
            seen = recordings.hashes.seen(ids)
            self._count(Seen(benchmark, role, modality, len(split), len(seen), recordings.drop, recordings.used_in))
            dropped |= seen if recordings.drop else set()
            if len(dropped) == len(split):
                raise CodaarError(
                    f"every clip of {benchmark}, {role}, {modality} was seen in {recordings.used_in}",
                    f'use other clips for {recordings.used_in}, or set {recordings.setting} = "keep"',
                )
        kept = [index for index in range(len(split)) if index not in dropped]
        return SplitSubset(split, kept) if dropped else split

    def record(self) -> list[dict[str, Any]]:
        """Return the counts as entries of results.json."""
        return [seen._asdict() for seen in self.found]

    def _add_note(self) -> None:
        """Add one note if the pretraining clips are unknown, for every report of the overlap."""
        reason = self.pretraining.hashes.unknown
        note = f"{UNKNOWN}{reason})"
        if reason and note not in self.notes:
            self.notes.append(note)

    def _used_before(self, benchmark: str, role: str, modality: str) -> Iterator[Recordings]:
        yield self.pretraining
        if role != "train" and (benchmark, modality) in self.training:
            yield self.training[benchmark, modality]

    def _count(self, count: Seen) -> None:
        if count not in self.found:
            self.found.append(count)
