"""The benchmark "clotho-retrieval": recordings of Clotho and their captions."""

from __future__ import annotations

import attrs

from codaar_core.api import Card, setting
from codaar_plugin_retrieval.captions import Item, read_clotho
from codaar_plugin_retrieval.retrieval import Retrieval

PUBLISHED = {"40k": (0.033, 0.1157, 0.19), "90k": (0.0564, 0.1665, 0.247)}


class ClothoRetrieval(Retrieval):
    """Clotho's evaluation split: 1,045 recordings of 15 to 30 seconds, and five captions of each.

    The codes of the seconds that a recording has are averaged, in both modes.
    """

    shape = (128,)
    card = Card(
        title="Clotho, evaluation split",
        licence="captions: Tampere University licence, not commercial, with attribution; recordings: each a Creative "
        "Commons licence, see the metadata table",
        how_to_get="clotho_captions_evaluation.csv and clotho_audio_evaluation.7z of its homepage; features: VGGish of "
        "every full second, (seconds, 128), not rounded, one STEM.zip each with a pickled array; then set root",
        homepage="https://zenodo.org/record/4783391",
    )

    @attrs.frozen(kw_only=True)
    class Config(Retrieval.Config):
        """Settings of clotho-retrieval."""

        captions: str = setting("clotho_captions_evaluation.csv", "Caption table; relative to `root`.")
        features: str = setting("feature/audio/zip", "Folder of the features STEM.zip; relative to `root`.")
        modality: str = setting("audio", "Which modality of the model hears recordings.")
        made_by: str = setting("vggish-relu", "What made the features; others are not mixed in.")

    def read_items(self) -> list[Item]:
        """Recordings with five captions each."""
        return read_clotho(self.at(self.config.captions))

    @property
    def recalls(self) -> tuple[float, float, float]:
        """Published for CoDAAR."""
        return PUBLISHED[self.config.pretraining]
