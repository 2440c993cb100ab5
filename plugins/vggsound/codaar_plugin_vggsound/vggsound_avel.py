"""Data source "vggsound-avel": audio, video and class prompts of VGGSound-AVEL 40K or 90K."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from codaar_plugin_bert.frozen_bert import made_by
from codaar_plugin_cmg.settings import AudioVideoFolders

from codaar_core.api import Card, DataContext, DataError, DataSource, Space, setting
from codaar_core.features import ClipSplit, RandomSplit, RowTrack, Track
from codaar_plugin_vggsound.labels import SECONDS, SegmentLabels
from codaar_plugin_vggsound.listing import CLASSES, LISTS, PARTS, PROMPTS, Listing

HOW_TO_GET = (
    "lists, class names and prompts: src_cvpr/data/Vggsound of https://github.com/EMuLeMultimodal/CoDAAR; "
    "features: the download links in its README (one zip file per clip); then set data.root to the folder of both"
)


class VggsoundAvel(DataSource):
    """VGGSound-AVEL: ten seconds of audio and video of 141 classes, and a sentence that names the class.

    Splits: "pretrain" (all parts in turn, as released, or only the training part: setting ``rows``), "train", "val" and
    "test". The last three have targets (10, 142): class or background of each second.
    """

    card = Card(
        title="VGGSound-AVEL",
        licence="VGGSound list: CC BY 4.0, videos stay with their owners; AVEL lists and prompts: from repositories "
        "that state no licence",
        how_to_get=HOW_TO_GET,
        homepage="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    )

    examples = ({"size": "90k"},)

    @attrs.frozen(kw_only=True)
    class Config(AudioVideoFolders):
        """Settings of VGGSound-AVEL."""

        size: Literal["40k", "90k"] = setting("40k", "list of clips: 40k has 40,801, 90k has 87,323")
        rows: Literal["all", "train"] = setting("all", "parts to pretrain on: all (released), or the training part")
        clips: str | None = setting(None, "other table category,video_id,split in `root`; none: that of `size`")
        classes: str = setting(CLASSES, "file of class names, one per line; relative to `root`")
        prompts: str = setting(PROMPTS, "table label,prompt; relative to `root`")
        labels: str = setting("label/zip", "folder of the labels ID.zip or ID.npy; relative to `root`")
        bert: str | None = setting(None, "folder of BERT's weights; none: bert-base-uncased of the Hugging Face cache")
        cache: str | None = setting(None, "folder where vectors of sentences are stored; none: only in memory")
        keep: str | None = setting(None, "table whose column token_id lists the word pieces to keep; none: all")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities

    @property
    def spaces(self) -> Mapping[str, Space]:
        """One step per second of audio and video, one step per word piece of text."""
        return {
            "audio": Space((128,), SECONDS),
            "video": Space((7, 7, 512), SECONDS),
            "text": Space((768,), SECONDS),
        }

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings state; for text, the tag of BERT's weights."""
        return {**self.config.extraction(), "text": made_by(self.config.bert)}

    @property
    def origin(self) -> str:
        """The list of clips with its checksum, the parts, and the rows left out."""
        defects = self.listing.table.defects
        left_out = f" ({defects.summary})" if defects else ""
        return f"VGGSound-AVEL: {self.listing.version}, {self.config.rows} rows{left_out}"

    @cached_property
    def listing(self) -> Listing:
        """The annotation files."""
        config = self.config
        return Listing(self._at(config.clips or LISTS[config.size]), self._at(config.classes), self._at(config.prompts))

    def split(self, name: str) -> ClipSplit:
        """Open a split after a check that all files exist, unless bad clips are skipped."""
        ids, classes = self._rows(name)
        files = self._files(ids)
        self._clips(name, ids, classes, files).refuse_absent()
        sentences = {"text": RowTrack(self._sentences, np.array(classes))} if "text" in self.modalities else {}
        return self._clips(name, ids, classes, {**files, **sentences})

    def inventory(self, name: str) -> Sequence[str]:
        """Lines that state which files of a split exist."""
        ids, classes = self._rows(name)
        return self._clips(name, ids, classes, self._files(ids)).inventory().lines

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the same shapes."""
        return RandomSplit({m: space for m, space in self.spaces.items() if m in self.modalities}, clips, seed)

    def _at(self, path: str) -> Path:
        return self.config.at(path, self.card)

    def _rows(self, name: str) -> tuple[list[str], list[int]]:
        pretraining = PARTS if self.config.rows == "all" else ("train",)
        parts = {"pretrain": pretraining, "train": ("train",), "val": ("val",), "test": ("test",)}
        if name not in parts:
            raise DataError(f"vggsound-avel has no split {name!r}", f"it has {', '.join(parts)}")
        return self.listing.rows(parts[name])

    def _clips(self, name: str, ids: list[str], classes: list[int], tracks: Mapping[str, Track]) -> ClipSplit:
        labels = SegmentLabels(self._at(self.config.labels), ids, classes, len(self.listing.classes))
        targets = {} if name == "pretrain" else dict.fromkeys(self.modalities, labels)
        return ClipSplit(ids, tracks, targets, self.config.bad_clip_rule(), self.listing.table.defects)

    def _files(self, ids: list[str]) -> dict[str, Track]:
        with_files = [modality for modality in ("audio", "video") if modality in self.modalities]
        return {modality: self.config.track(ids, modality, self.spaces[modality], self.card) for modality in with_files}

    @cached_property
    def _sentences(self) -> np.ndarray:
        """Word pieces of each class's prompt (classes, 10, 768), computed once."""
        from codaar_plugin_bert.word_pieces import WordPieces

        config = self.config
        keep = None if config.keep is None else str(self._at(config.keep))
        return WordPieces(config.bert, config.cache, SECONDS, keep).features(self.listing.prompts)
