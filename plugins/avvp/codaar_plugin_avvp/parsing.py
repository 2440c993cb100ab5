"""Base of both benchmarks on LLP: name the audio or video events of every second of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal

import attrs
from codaar_plugin_cmg.labels import SegmentLabels
from codaar_plugin_cmg.modes import AudioVideo
from codaar_plugin_cmg.settings import AudioVideoFolders, PublishedSettings

from codaar_core.api import (
    BenchmarkContext,
    Card,
    ComponentError,
    Metric,
    Predicted,
    setting,
)
from codaar_core.features import FileTrack
from codaar_plugin_avvp.classes import BACKGROUND, refuse_other_order
from codaar_plugin_avvp.llp import Llp
from codaar_plugin_avvp.scores import STRICT, strict_scores

TABLES = {"audio": "audio", "video": "visual"}
"""Modality -> its word in the file names of tables."""

FORMS = {"combined": "_checked_combined", "checked": "_checked", "original": ""}
"""Setting `form` -> end of the file names of tables."""


class EventParsing(AudioVideo, SegmentLabels):
    """Name the events of every second; audio and video have separate tables and therefore separate labels.

    Predictions and targets are multi-hot (N, 10, classes); the last class is background. In strict mode the test clips
    of both modalities are the same recordings in the same order: a recording without an event in one of the tables is
    background in that modality, as in LLP's own evaluation.
    """

    released_selection = "test"
    card: ClassVar[Card]
    events: ClassVar[tuple[str, ...]]  # in the order of the labels
    table: ClassVar[str]  # start of the file names of tables
    lists: ClassVar[tuple[str, ...]] = ()  # tables of weak labels
    released_metrics: ClassVar[Mapping[str, Metric]]  # the first is the headline

    @attrs.frozen(kw_only=True)
    class Config(PublishedSettings, AudioVideoFolders):
        """Settings of both benchmarks on LLP."""

        tables: str = setting(".", "folder of the tables; relative to `root`")
        form: Literal["combined", "checked", "original"] = setting(
            "combined", "which tables: *_checked_combined.csv (released), *_checked.csv, or LLP's own"
        )

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if self.as_published and config.form != "combined":
            raise ComponentError(
                f'mode "as-published" reads the combined tables, and the recipe sets form = "{config.form}"',
                'set form = "combined", or evaluate.mode = "strict"',
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The events, then background."""
        return (*self.events, BACKGROUND)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """As released, or those of the whole split; Type@AV and Event@AV take both modalities."""
        return self.released_metrics if self.as_published else STRICT

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Measure a transfer on the test clips; in strict mode these are the same recordings on both sides."""
        return super().score(source, target) if self.as_published else strict_scores(source, target)

    @cached_property
    def llp(self) -> Llp:
        """Tables and feature files."""
        folder = self.config.at(self.config.tables, self.card)
        refuse_other_order(folder / f"{self.table}_Categories.txt", self.events)
        return Llp(
            features=self._features,
            tables={m: folder / f"{self.table}_eval_{name}{FORMS[self.config.form]}.csv" for m, name in TABLES.items()},
            lists=[folder / name for name in self.lists],
            one_row=self.config.form == "combined",
            classes=self.events,
            bad_clips=self.config.bad_clip_rule(),
        )

    def _features(self, ids: Sequence[str], modality: str) -> FileTrack:
        return self.config.track(ids, modality, self.spaces[modality], self.card)
