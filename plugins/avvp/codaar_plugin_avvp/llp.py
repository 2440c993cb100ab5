"""LLP on disk: a table of events per modality, and one feature file per recording and modality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np

from codaar_core.features import BadClips, ClipSplit, FileDefect, FileDefects, FileTrack, RowTrack
from codaar_plugin_avvp.events import (
    Annotation,
    EventTable,
    by_recording,
    compare_with_weak_labels,
    read_events,
    read_weak_labels,
    repeated_recordings,
)
from codaar_plugin_avvp.labels import segment_labels


@attrs.frozen(slots=False)
class Llp:
    """Recordings with audio and video events; files are opened on first use."""

    features: Callable[[Sequence[str], str], FileTrack]  # (ids, modality) -> features
    tables: Mapping[str, Path]  # tables of events by modality
    lists: Sequence[Path]  # files of weak labels; existing ones are compared with the tables
    one_row: bool  # whether the tables have one row per recording
    classes: tuple[str, ...]  # event names
    bad_clips: BadClips

    @cached_property
    def read(self) -> Mapping[str, EventTable]:
        """Tables by modality."""
        return {modality: read_events(path, self.classes) for modality, path in self.tables.items()}

    @cached_property
    def defects(self) -> FileDefects:
        """Tolerated defects of the tables."""
        found = FileDefects()
        for table in self.read.values():
            found += table.defects + (repeated_recordings(table.rows) if self.one_row else FileDefects())
        weak = {
            name: labels
            for path in self.lists
            if path.is_file()
            for name, labels in read_weak_labels(path, self.classes).items()
        }
        return found + (compare_with_weak_labels(list(self.read.values()), weak) if weak else FileDefects())

    @cached_property
    def joined(self) -> Mapping[str, Mapping[str, Annotation]]:
        """Events of each recording, by modality and id."""
        return {modality: by_recording(table.rows) for modality, table in self.read.items()}

    @cached_property
    def ids(self) -> Sequence[str]:
        """Recordings of either table whose files can all be read, by the rule for bad clips."""
        ids = self.known
        return ClipSplit(ids, {m: self.features(ids, m) for m in self.tables}, {}, self.bad_clips).ids

    @property
    def known(self) -> list[str]:
        """Recordings of either table."""
        return list(dict.fromkeys(id for of_one in self.joined.values() for id in of_one))

    def rows(self, modality: str) -> ClipSplit:
        """Every row of a table as one clip, in the order of the table, as in the released code."""
        rows = self.read[modality].rows
        return self._split([row.id for row in rows], rows, modality, self.bad_clips, self.defects)

    def recordings(self, ids: Sequence[str], modality: str) -> ClipSplit:
        """Each recording once; one that is not in the table of ``modality`` is background."""
        known = self.joined[modality]
        annotations = [known.get(id, Annotation(id, ())) for id in ids]
        unread = sorted(set(self.known) - set(self.ids))
        left_out = FileDefects(tuple(FileDefect("recording that cannot be read left out", id) for id in unread))
        return self._split(ids, annotations, modality, BadClips(), self.defects + left_out)

    def _split(
        self,
        ids: Sequence[str],
        annotations: Sequence[Annotation],
        modality: str,
        bad_clips: BadClips,
        defects: FileDefects,
    ) -> ClipSplit:
        labels = RowTrack(segment_labels(annotations, self.classes), np.arange(len(ids)))
        split = ClipSplit(ids, {modality: self.features(ids, modality)}, {modality: labels}, bad_clips, defects)
        split.refuse_absent()
        return split
