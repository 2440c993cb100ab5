"""Train on the clips of AVE that are heard, test on those that are seen, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Literal

import attrs
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, batched, class_f1, class_precision, class_recall, macro_precision
from codaar_plugin_cmg.modes import TwoModes

from codaar_core.api import BenchmarkContext, Metric, Space, Split, Transfer, setting
from codaar_plugin_ave.annotations import CLASSES, SECONDS
from codaar_plugin_ave.files import CARD, MODALITIES, AveFiles, FileSettings
from codaar_plugin_ave.packed import open_packed, packed_extraction, packed_file

RELEASED_BATCH = 256
RELEASED_SPLITS = {"train": "train", "test": "train"}
STRICT_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class AveClassification(TwoModes, ClipLabels):
    """AVE: which of 28 events is in a clip.

    In mode "strict" heads learn from the 3,339 training clips, the 402 validation clips pick the epoch and the 402
    test clips are scored. In mode "as-published" the training clips are scored in the other modality, after the last
    epoch, as the released CoDAAR code does.
    """

    needs = MODALITIES
    released_selection = "last"
    head = "clip-classifier"
    card = CARD

    @attrs.frozen(kw_only=True)
    class Config(FileSettings):
        """Settings of AVE classification."""

        pretraining: Literal["40k", "90k", "other"] = setting(
            "40k", "Whose published numbers to show: CoDAAR's, by pretraining clips; other: none."
        )

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        spaces = {modality: Space(context.data.spaces[modality].shape, SECONDS) for modality in MODALITIES}
        self.files = AveFiles(config, spaces)
        self.splits = RELEASED_SPLITS if self.as_published else STRICT_SPLITS

    @property
    def classes(self) -> tuple[str, ...]:
        """The 28 events."""
        return CLASSES

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """As released, or those of the whole split; precision, recall and F1 are means over classes."""
        if self.as_published:
            return {"macro_precision": batched(macro_precision, RELEASED_BATCH), "accuracy": accuracy}
        return {"accuracy": accuracy, "precision": class_precision, "recall": class_recall, "f1": class_f1}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As packed files say, else as the settings do."""
        packed = packed_file(self.config.root, self.splits["test"])
        return packed_extraction(packed) if packed else self.files.made_by

    def transfers(self) -> Sequence[Transfer]:
        """There is no text in these data."""
        return [Transfer(*pair) for pair in permutations(MODALITIES, 2)]

    def split(self, role: str, modality: str) -> Split:
        """Open a part, heard or seen."""
        packed = packed_file(self.config.root, self.splits[role])
        if packed:
            return open_packed(packed, modality, self.files.spaces[modality])
        return self.files.clips(self.splits[role], (modality,))

    @property
    def published(self) -> Mapping[str, float]:
        """Tables 1 and 2 of arXiv 2605.12145: without text in the pretraining, or with it."""
        if not self.as_published or self.config.pretraining == "other":
            return {}
        seen_heard, heard_seen = PUBLISHED["text" in self.modalities, self.config.pretraining]
        return {"video->audio/macro_precision": seen_heard, "audio->video/macro_precision": heard_seen}


PUBLISHED = {
    (False, "40k"): (0.476, 0.497),
    (False, "90k"): (0.433, 0.494),
    (True, "40k"): (0.523, 0.555),
    (True, "90k"): (0.508, 0.519),
}
"""By (whether text is aligned too, pretraining clips): video to audio, audio to video."""
