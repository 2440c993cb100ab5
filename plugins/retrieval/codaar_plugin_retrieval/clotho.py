"""Benchmark "clotho-retrieval": recordings of Clotho and their captions."""

from __future__ import annotations

import attrs

from codaar_core.api import Card, setting
from codaar_plugin_retrieval.captions import Item, read_clotho
from codaar_plugin_retrieval.retrieval import Retrieval

PUBLISHED = {"40k": (0.033, 0.1157, 0.19), "90k": (0.0564, 0.1665, 0.247)}


class ClothoRetrieval(Retrieval):
    """Clotho retrieval: 1,045 recordings of the evaluation split, 15 to 30 seconds long, with five captions each.

    In both modes the codes of all seconds of a recording are averaged.
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

        captions: str = setting("clotho_captions_evaluation.csv", "caption table; relative to `root`")
        features: str = setting("feature/audio/zip", "folder of the features STEM.zip or STEM.npy; relative to `root`")
        modality: str = setting("audio", "modality of the model that reads recordings")
        made_by: str = setting("vggish-relu", "tag of the extractor of the features; must match pretraining")

    def read_items(self) -> list[Item]:
        """Read recordings with five captions each."""
        return read_clotho(self.at(self.config.captions))

    @property
    def recalls(self) -> tuple[float, float, float]:
        """Scores of CoDAAR for this pretraining."""
        return PUBLISHED[self.config.pretraining]
