"""Benchmark "ave-avvp": train on the clips of AVE, test on the recordings of LLP in the other modality."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np
from codaar_plugin_ave.files import AveFiles, FileSettings

from codaar_core.api import Card, DataError, setting
from codaar_core.features import ClipSplit, RowTrack
from codaar_plugin_avvp.ave import AveClips, shared_clips
from codaar_plugin_avvp.classes import IN_AVE
from codaar_plugin_avvp.parsing import EventParsing
from codaar_plugin_avvp.parts import FIFTH_HELD_OUT, part
from codaar_plugin_avvp.scores import released


class AveAvvp(EventParsing):
    """AVE->AVVP: heads learn twelve events from 1,831 clips of AVE and locate them in 1,146 recordings of LLP.

    Mode "as-published": the epoch is selected on the test clips. Mode "strict": one fifth of AVE's recordings selects
    the epoch, and recordings of LLP that are also in AVE are left out.
    """

    head = "ave-avvp-classifier"
    events = tuple(IN_AVE)
    table = "AVE_AVVP"
    released_metrics = released(batch=80, headline="f1")
    published_metric = "f1"
    published_scores = {True: {"40k": (0.558, 0.565), "90k": (0.523, 0.602)}}  # table 8 of arXiv 2605.12145
    card = Card(
        title="AVE and LLP, twelve shared events (AVE->AVVP)",
        licence="AVE: none stated; LLP tables: GPL-3.0 by their README; tables of the shared events: from a repository "
        "without a licence; videos stay with their owners",
        how_to_get="tables and labels: src_cvpr/data/AVE_AVVP of https://github.com/EMuLeMultimodal/CoDAAR; LLP's "
        "features: the download links in its README; AVE's features and Annotations.txt: those of "
        "https://github.com/YapengTian/AVE-ECCV18; then set root to LLP's folder and ave to AVE's",
        homepage="https://github.com/EMuLeMultimodal/CoDAAR",
    )

    @attrs.frozen(kw_only=True)
    class Config(EventParsing.Config):
        """Settings of AVE->AVVP."""

        ave: str | None = setting(None, "folder of AVE's feature files and Annotations.txt; needed for training")

    def split(self, role: str, modality: str) -> ClipSplit:
        """Clips of AVE for training and selection, recordings of LLP for testing."""
        if role == "test":
            return self._test(modality)
        clips = self.ave_clips
        if self.as_published:
            return self._clips(clips, modality)
        return self._clips(clips.of(set(part(clips.ids, FIFTH_HELD_OUT[role]))), modality)

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings state, compared with ``extraction.toml`` beside the features of both data sets."""
        return {**self._ave_settings.extraction(), **super().extraction}

    @property
    def _ave_settings(self) -> FileSettings:
        config = self.config
        return FileSettings(
            root=config.ave,
            quantised=config.quantised,
            audio_made_by=config.audio_made_by,
            video_made_by=config.video_made_by,
        )

    @cached_property
    def ave_clips(self) -> AveClips:
        """The clips of AVE, with their labels."""
        return shared_clips(self.ave.annotations, self.config.at(self.config.tables, self.card))

    @cached_property
    def ave(self) -> AveFiles:
        """The files of AVE.

        Raises:
            DataError: ``ave`` is not set.
        """
        if self.config.ave is None:
            raise DataError(f"{self.card.title}: needs `ave`, the folder of AVE's files", self.card.how_to_get)
        return AveFiles(self._ave_settings, self.spaces)

    def _test(self, modality: str) -> ClipSplit:
        if self.as_published:
            return self.llp.rows(modality)
        seen = set(self.ave_clips.ids)
        return self.llp.recordings([id for id in self.llp.ids if id not in seen], modality)

    def _clips(self, clips: AveClips, modality: str) -> ClipSplit:
        labels = RowTrack(clips.labels, np.arange(len(clips.ids)))
        tracks = {modality: self.ave.features(modality, clips.rows)}
        defects = self.ave.annotations.defects + clips.defects
        return ClipSplit(clips.ids, tracks, {modality: labels}, self.config.bad_clip_rule(), defects)
