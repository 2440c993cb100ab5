"""Train on the clips of AVE, test on the recordings of LLP: another data set and another modality at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np
from codaar_plugin_ave.feature_rows import FeatureRows
from codaar_plugin_ave.files import AveFiles, FileSettings

from codaar_core.api import Card, setting
from codaar_core.features import BadClips, ClipSplit, RowTrack
from codaar_plugin_avvp.ave import AveClips, shared_clips
from codaar_plugin_avvp.classes import IN_AVE
from codaar_plugin_avvp.parsing import EventParsing
from codaar_plugin_avvp.parts import FIFTH_HELD_OUT, part
from codaar_plugin_avvp.scores import released

HOW_TO_GET = (
    "tables and labels: src_cvpr/data/AVE_AVVP of https://github.com/EMuLeMultimodal/CoDAAR; LLP's features: the "
    "download links in its README; AVE's features and Annotations.txt: those of "
    "https://github.com/YapengTian/AVE-ECCV18; then set root to LLP's folder and ave to AVE's"
)


class AveAvvp(EventParsing):
    """AVE->AVVP: heads learn twelve events from 1,831 clips of AVE and find them in 1,146 recordings of LLP.

    In mode "as-published" the best epoch is an oracle. In mode "strict" a fifth of AVE's recordings picks the epoch,
    and recordings of LLP that are also in AVE are left out.
    """

    head = "ave-avvp-classifier"
    events = tuple(IN_AVE)
    table = "AVE_AVVP"
    released_metrics = released(batch=80, headline="f1")
    card = Card(
        title="AVE and LLP, twelve shared events (AVE->AVVP)",
        licence="AVE: none stated; LLP tables: GPL-3.0 by their README; tables of the shared events: from a repository "
        "without a licence; videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://github.com/EMuLeMultimodal/CoDAAR",
    )

    @attrs.frozen(kw_only=True)
    class Config(EventParsing.Config):
        """Settings of AVE->AVVP."""

        ave: str | None = setting(None, "Folder of AVE's feature files and Annotations.txt; needed to train.")

    def split(self, role: str, modality: str) -> ClipSplit:
        """Open a part: clips of AVE to train and to pick the epoch on, recordings of LLP to test on."""
        if role == "test":
            return self._test(modality)
        clips = self.ave_clips
        if self.as_published:
            return self._clips(clips, modality)
        return self._clips(clips.of(set(part(clips.ids, FIFTH_HELD_OUT[role]))), modality)

    @cached_property
    def ave_clips(self) -> AveClips:
        """The clips of AVE, with their labels."""
        return shared_clips(self.ave.annotations, self._at(self.config.tables))

    @cached_property
    def ave(self) -> AveFiles:
        """The files of AVE."""
        return AveFiles(FileSettings(root=self.config.ave), self.spaces)

    @property
    def published(self) -> Mapping[str, float]:
        """Table 8 of arXiv 2605.12145; of pretraining with text alone."""
        if not self.as_published or "text" not in self.modalities or self.config.pretraining == "other":
            return {}
        seen_heard, heard_seen = PUBLISHED[self.config.pretraining]
        return {"video->audio/f1": seen_heard, "audio->video/f1": heard_seen}

    def _test(self, modality: str) -> ClipSplit:
        if self.as_published:
            return self.llp.rows(modality)
        seen = set(self.ave_clips.ids)
        return self.llp.recordings([id for id in self.llp.ids if id not in seen], modality)

    def _clips(self, clips: AveClips, modality: str) -> ClipSplit:
        path = self.ave.root / getattr(self.ave.settings, modality)
        quantised = self.config.quantised or modality == "video"
        track = FeatureRows(path, clips.rows, self.spaces[modality], quantised)
        track.refuse_other_shape(len(self.ave.annotations))
        labels = RowTrack(clips.labels, np.arange(len(clips.ids)))
        rule = BadClips(self.config.bad_clips, self.config.bad_share)
        return ClipSplit(clips.ids, {modality: track}, {modality: labels}, rule, self.ave.annotations.defects)


PUBLISHED = {"40k": (0.558, 0.565), "90k": (0.523, 0.602)}
"""By pretraining clips: video to audio, audio to video."""
