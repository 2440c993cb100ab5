"""What both benchmarks share: name the events of every second, heard or seen, of recordings of LLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import ClassVar, Literal

import attrs
from attrs.validators import and_, ge, le
from codaar_plugin_cmg.labels import SegmentLabels
from codaar_plugin_cmg.modes import TwoModes

from codaar_core.api import (
    BenchmarkContext,
    Card,
    ComponentError,
    DataError,
    Metric,
    Predicted,
    Space,
    Transfer,
    setting,
)
from codaar_core.features import BadClips, FileTrack
from codaar_plugin_avvp.classes import BACKGROUND, refuse_other_order
from codaar_plugin_avvp.events import SECONDS
from codaar_plugin_avvp.llp import Llp
from codaar_plugin_avvp.scores import STRICT, strict_scores

TABLES = {"audio": "audio", "video": "visual"}
"""What names of tables call the modalities."""

FORMS = {"combined": "_checked_combined", "checked": "_checked", "original": ""}
"""What names of tables end in."""


class EventParsing(TwoModes, SegmentLabels):
    """Name the events of every second; audio and video have tables, and so labels, of their own.

    Predictions and targets are multi-hot (N, 10, classes); the last class is background. In strict mode the test clips
    that are heard and those that are seen are the same recordings in the same order: without an event in one of the
    tables, a recording is background there, as in LLP's own evaluation.
    """

    needs = tuple(TABLES)
    released_selection = "test"  # the best epoch on the clips that it reports
    card: ClassVar[Card]
    events: ClassVar[tuple[str, ...]]  # in the order of labels
    table: ClassVar[str]  # what names of tables begin with
    lists: ClassVar[tuple[str, ...]] = ()  # tables of weak labels
    released_metrics: ClassVar[Mapping[str, Metric]]  # the headline first

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of both benchmarks on LLP."""

        root: str | None = setting(None, "Folder of LLP's features and tables; needed to read any.")
        tables: str = setting(".", "Folder of the tables; relative to `root`.")
        form: Literal["combined", "checked", "original"] = setting(
            "combined", "Of the tables: *_checked_combined.csv, as released; *_checked.csv; or LLP's own."
        )
        audio: str = setting("feature/audio/zip", "Folder of the sound features ID.zip; relative to `root`.")
        video: str = setting("feature/video/zip", "Folder of the frame features ID.zip; relative to `root`.")
        channels: Literal["last", "first"] = setting("last", "Where the channels of frame features stand in the files.")
        audio_made_by: str = setting("vggish-relu", "What made the sound features; others are not mixed in.")
        video_made_by: str = setting("keras-vgg19-pool5", "What made the frame features; others are not mixed in.")
        quantised: bool = setting(False, "Whether sound features are those rounded to eight bits.")
        pretraining: Literal["40k", "90k", "other"] = setting(
            "40k", "Whose published numbers to show: CoDAAR's, by pretraining clips; other: none."
        )
        bad_clips: Literal["refuse", "skip"] = setting("refuse", "What to do with clips that cannot be read.")
        bad_share: float = setting(0.02, "Share of the clips that may be skipped.", and_(ge(0.0), le(1.0)))

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if self.as_published and config.form != "combined":
            raise ComponentError(
                f'the released code reads the combined tables, and the recipe names form = "{config.form}"',
                'set form = "combined", or evaluate.mode = "strict"',
            )
        self.spaces = {m: Space(context.data.spaces[m].shape, SECONDS) for m in TABLES}

    @property
    def classes(self) -> tuple[str, ...]:
        """The events, and background."""
        return (*self.events, BACKGROUND)

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings say; files do not."""
        return {"audio": self.config.audio_made_by, "video": self.config.video_made_by}

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """As released, or those of the whole split; Type@AV and Event@AV take both modalities."""
        return self.released_metrics if self.as_published else STRICT

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Measure a transfer on the test clips; in strict mode these are the same recordings on both sides."""
        return super().score(source, target) if self.as_published else strict_scores(source, target)

    def transfers(self) -> Sequence[Transfer]:
        """Text is not in these data."""
        return [Transfer(*pair) for pair in permutations(TABLES, 2)]

    @cached_property
    def llp(self) -> Llp:
        """The files."""
        folder = self._at(self.config.tables)
        refuse_other_order(folder / f"{self.table}_Categories.txt", self.events)
        return Llp(
            features=self._features,
            tables={m: folder / f"{self.table}_eval_{name}{FORMS[self.config.form]}.csv" for m, name in TABLES.items()},
            lists=[folder / name for name in self.lists],
            one_row=self.config.form == "combined",
            classes=self.events,
            bad_clips=BadClips(self.config.bad_clips, self.config.bad_share),
        )

    def _features(self, ids: Sequence[str], modality: str) -> FileTrack:
        if modality == "audio":
            return FileTrack(self._at(self.config.audio), ids, self.spaces["audio"], quantised=self.config.quantised)
        folder, channels = self._at(self.config.video), self.config.channels
        return FileTrack(folder, ids, self.spaces["video"], channels=channels, quantised=True)

    def _at(self, path: str) -> Path:
        if self.config.root is None:
            raise DataError(f"{type(self).__name__} is not told where its files are", self.card.how_to_get)
        return Path(self.config.root).expanduser() / path
