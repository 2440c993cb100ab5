"""Train on the events of LLP's recordings that are heard, test on those that are seen, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping

from codaar_core.api import Card
from codaar_core.features import ClipSplit
from codaar_plugin_avvp.classes import AVVP
from codaar_plugin_avvp.parsing import EventParsing
from codaar_plugin_avvp.parts import HALVES, part
from codaar_plugin_avvp.scores import released

HOW_TO_GET = (
    "tables: src_cvpr/data/AVVP of https://github.com/EMuLeMultimodal/CoDAAR, or data of "
    "https://github.com/YapengTian/AVVP-ECCV20; features: the download links of the former (one zip a recording); "
    "then set root to the folder of both"
)


class AvvpLocalization(EventParsing):
    """AVVP: 25 events, heard and seen, in 1,851 validation and test recordings of LLP.

    In mode "as-published" heads are trained and tested on the same recordings, row by row of the combined tables, and
    the best epoch is an oracle. In mode "strict" one half of the recordings is tested on; of the other half, a fifth
    picks the epoch.
    """

    head = "avvp-classifier"
    events = AVVP
    table = "AVVP"
    lists = ("AVVP_val_pd.csv", "AVVP_test_pd.csv")
    released_metrics = released(batch=64, headline="precision")
    card = Card(
        title="LLP, Look, Listen and Parse (AVVP)",
        licence="LLP tables: GPL-3.0 by their README; combined tables: from a repository without a licence; "
        "videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://github.com/YapengTian/AVVP-ECCV20",
    )

    def split(self, role: str, modality: str) -> ClipSplit:
        """Open a part, heard or seen."""
        if self.as_published:
            return self.llp.rows(modality)
        return self.llp.recordings(part(self.llp.ids, HALVES[role]), modality)

    @property
    def published(self) -> Mapping[str, float]:
        """Tables 1 and 2 of arXiv 2605.12145: with or without text in the pretraining."""
        if not self.as_published or self.config.pretraining == "other":
            return {}
        seen_heard, heard_seen = PUBLISHED["text" in self.modalities, self.config.pretraining]
        return {"video->audio/precision": seen_heard, "audio->video/precision": heard_seen}


PUBLISHED = {
    (False, "40k"): (0.636, 0.724),
    (False, "90k"): (0.600, 0.672),
    (True, "40k"): (0.708, 0.725),
    (True, "90k"): (0.697, 0.704),
}
"""By (whether text is aligned too, pretraining clips): video to audio, audio to video."""
