"""Benchmark "ave-classification": train on the audio of AVE's clips and test on their video, and the reverse."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, batched, class_f1, class_precision, class_recall, macro_precision
from codaar_plugin_cmg.modes import AudioVideo
from codaar_plugin_cmg.settings import PublishedSettings

from codaar_core.api import BenchmarkContext, Metric, Split
from codaar_core.features import PackedSplit
from codaar_plugin_ave.annotations import CLASSES
from codaar_plugin_ave.files import CARD, AveFiles, FileSettings

RELEASED_BATCH = 256
RELEASED_SPLITS = {"train": "train", "test": "train"}
STRICT_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class AveClassification(AudioVideo, ClipLabels):
    """AVE classification: which of 28 events a clip contains.

    Mode "strict": heads are trained on the 3,339 training clips, the 402 validation clips select the epoch and the 402
    test clips are scored. Mode "as-published": the training clips are scored in the other modality after the last
    epoch, as in the released CoDAAR code.
    """

    released_selection = "last"
    head = "clip-classifier"
    card = CARD
    published_metric = "macro_precision"
    published_scores = {  # tables 1 and 2 of arXiv 2605.12145
        False: {"40k": (0.476, 0.497), "90k": (0.433, 0.494)},
        True: {"40k": (0.523, 0.555), "90k": (0.508, 0.519)},
    }

    @attrs.frozen(kw_only=True)
    class Config(PublishedSettings, FileSettings):
        """Settings of AVE classification."""

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.files = AveFiles(config, self.spaces)
        self.splits = RELEASED_SPLITS if self.as_published else STRICT_SPLITS

    @property
    def classes(self) -> tuple[str, ...]:
        """The 28 events."""
        return CLASSES

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """As released, or over the whole split; precision, recall and F1 are means over classes."""
        if self.as_published:
            return {"macro_precision": batched(macro_precision, RELEASED_BATCH), "accuracy": accuracy}
        return {"accuracy": accuracy, "precision": class_precision, "recall": class_recall, "f1": class_f1}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the packed test split states, else as the settings do."""
        packed = self._packed("test")
        return packed.layout.header.extraction if packed else super().extraction

    def split(self, role: str, modality: str) -> Split:
        """Clips of a role in one modality."""
        packed = self._packed(role, modality)
        if packed is None:
            return self.files.clips(self.splits[role], (modality,))
        packed.refuse_other_spaces(self.spaces)
        return packed

    def _packed(self, role: str, *modalities: str) -> PackedSplit | None:
        """The packed file of a role in ``root``; None if there is none."""
        path = self.files.path(f"{self.splits[role]}.h5") if self.config.root else None
        return PackedSplit(path, modalities or None) if path and path.is_file() else None
