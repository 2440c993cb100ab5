"""Benchmark "avvp-localization": train on audio events of LLP, test on its video events, and the reverse."""

from __future__ import annotations

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
    """AVVP localization: 25 audio and video events in 1,851 validation and test recordings of LLP.

    Mode "as-published": heads are trained and tested on the same recordings, one clip per row of the combined tables,
    and the epoch is selected on the test clips. Mode "strict": one half of the recordings is for testing; of the other
    half, one fifth selects the epoch.
    """

    head = "avvp-classifier"
    events = AVVP
    table = "AVVP"
    lists = ("AVVP_val_pd.csv", "AVVP_test_pd.csv")
    released_metrics = released(batch=64, headline="precision")
    published_metric = "precision"
    published_scores = {  # tables 1 and 2 of arXiv 2605.12145
        False: {"40k": (0.636, 0.724), "90k": (0.600, 0.672)},
        True: {"40k": (0.708, 0.725), "90k": (0.697, 0.704)},
    }
    card = Card(
        title="LLP, Look, Listen and Parse (AVVP)",
        licence="LLP tables: GPL-3.0 by their README; combined tables: from a repository without a licence; "
        "videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://github.com/YapengTian/AVVP-ECCV20",
    )

    def split(self, role: str, modality: str) -> ClipSplit:
        """Clips of a role in one modality."""
        if self.as_published:
            return self.llp.rows(modality)
        return self.llp.recordings(part(self.llp.ids, HALVES[role]), modality)
