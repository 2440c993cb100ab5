"""The data source "vggsound-avel": sound, frames and class prompts of VGGSound-AVEL 40K or 90K."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from attrs.validators import and_, ge, le
from codaar_plugin_bert.frozen_bert import made_by

from codaar_core.api import Card, DataContext, DataError, DataSource, Space, setting
from codaar_core.features import BadClips, ClipSplit, FileTrack, RandomSplit, RowTrack, Track
from codaar_plugin_vggsound.labels import SECONDS, SegmentLabels
from codaar_plugin_vggsound.listing import CLASSES, LISTS, PARTS, PROMPTS, Listing

HOW_TO_GET = (
    "lists, class names and prompts: src_cvpr/data/Vggsound of https://github.com/EMuLeMultimodal/CoDAAR; "
    "features: the download links in its README (one zip a clip); then set data.root to the folder of both"
)


class VggsoundAvel(DataSource):
    """Ten seconds of sound and frames of 141 classes, and a sentence that names the class.

    Splits: "pretrain" (all parts one after the other, as released, or the training part alone: ``rows``), "train",
    "val" and "test". The latter three have targets (10, 142): class or background of each second.
    """

    card = Card(
        title="VGGSound-AVEL",
        licence="VGGSound list: CC BY 4.0, videos stay with their owners; AVEL lists and prompts: from repositories "
        "that state no licence",
        how_to_get=HOW_TO_GET,
        homepage="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of VGGSound-AVEL."""

        root: str | None = setting(None, "Folder of the features and lists; needed to read any.")
        size: Literal["40k", "90k"] = setting("40k", "Which list of clips: 40,801 or 87,323.")
        rows: Literal["all", "train"] = setting("all", "Parts to pretrain on: as released all, or the training part.")
        clips: str | None = setting(None, "Another table category,video_id,split; none: that of `size`, in `root`.")
        classes: str = setting(CLASSES, "Class names, one a line; relative to `root`.")
        prompts: str = setting(PROMPTS, "Table label,prompt; relative to `root`.")
        audio: str = setting("feature/audio/zip", "Folder of the sound features ID.zip; relative to `root`.")
        video: str = setting("feature/video/zip", "Folder of the frame features ID.zip; relative to `root`.")
        labels: str = setting("label/zip", "Folder of the labels ID.zip; relative to `root`.")
        channels: Literal["last", "first"] = setting("last", "Where the channels of frame features stand in the files.")
        audio_made_by: str = setting("vggish-relu", "What made the sound features; others are not mixed in.")
        video_made_by: str = setting("keras-vgg19-pool5", "What made the frame features; others are not mixed in.")
        quantised: bool = setting(False, "Whether sound features are those rounded to eight bits.")
        bert: str | None = setting(None, "Folder of BERT's weights; none: bert-base-uncased of the Hugging Face cache.")
        cache: str | None = setting(None, "Folder where the vectors of sentences are kept; none: in memory.")
        keep: str | None = setting(None, "Table with the column token_id: the word pieces that are kept; none: all.")
        bad_clips: Literal["refuse", "skip"] = setting("refuse", "What to do with clips that cannot be read.")
        bad_share: float = setting(0.02, "Share of the clips that may be skipped.", and_(ge(0.0), le(1.0)))

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities

    @property
    def spaces(self) -> Mapping[str, Space]:
        """One step a second; a word piece a step."""
        return {
            "audio": Space((128,), SECONDS),
            "video": Space((7, 7, 512), SECONDS),
            "text": Space((768,), SECONDS),
        }

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings say, files do not; of text, by the weights of BERT."""
        config = self.config
        return {"audio": config.audio_made_by, "video": config.video_made_by, "text": made_by(config.bert)}

    @property
    def origin(self) -> str:
        """The list with its checksum, the parts, and what was left out of it."""
        defects = self.listing.table.defects
        left_out = f" ({defects.summary})" if defects else ""
        return f"VGGSound-AVEL: {self.listing.version}, {self.config.rows} rows{left_out}"

    @cached_property
    def listing(self) -> Listing:
        """The annotation files."""
        config = self.config
        return Listing(self._at(config.clips or LISTS[config.size]), self._at(config.classes), self._at(config.prompts))

    def split(self, name: str) -> ClipSplit:
        """Open a split; which files are there is looked at first, unless bad clips are skipped."""
        ids, classes = self._rows(name)
        files = self._files(ids)
        self._clips(name, ids, classes, files).refuse_absent()
        sentences = {"text": RowTrack(self._sentences, np.array(classes))} if "text" in self.modalities else {}
        return self._clips(name, ids, classes, {**files, **sentences})

    def inventory(self, name: str) -> Sequence[str]:
        """What is there of a split, for people."""
        ids, classes = self._rows(name)
        return self._clips(name, ids, classes, self._files(ids)).inventory().lines

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the true shapes."""
        return RandomSplit({m: space for m, space in self.spaces.items() if m in self.modalities}, clips, seed)

    def _at(self, path: str) -> Path:
        if self.config.root is None:
            raise DataError("vggsound-avel is not told where its files are", HOW_TO_GET)
        return Path(self.config.root).expanduser() / path

    def _rows(self, name: str) -> tuple[list[str], list[int]]:
        pretraining = PARTS if self.config.rows == "all" else ("train",)
        parts = {"pretrain": pretraining, "train": ("train",), "val": ("val",), "test": ("test",)}
        if name not in parts:
            raise DataError(f"vggsound-avel has no split {name!r}", f"it has {', '.join(parts)}")
        return self.listing.rows(parts[name])

    def _clips(self, name: str, ids: list[str], classes: list[int], tracks: Mapping[str, Track]) -> ClipSplit:
        config = self.config
        labels = SegmentLabels(self._at(config.labels), ids, classes, len(self.listing.classes))
        targets = {} if name == "pretrain" else dict.fromkeys(self.modalities, labels)
        rule = BadClips(config.bad_clips, config.bad_share)
        return ClipSplit(ids, tracks, targets, rule, self.listing.table.defects)

    def _files(self, ids: list[str]) -> dict[str, Track]:
        config, spaces = self.config, self.spaces
        files = {
            "audio": FileTrack(self._at(config.audio), ids, spaces["audio"], quantised=config.quantised),
            "video": FileTrack(self._at(config.video), ids, spaces["video"], channels=config.channels, quantised=True),
        }
        return {modality: track for modality, track in files.items() if modality in self.modalities}

    @cached_property
    def _sentences(self) -> np.ndarray:
        """The word pieces of each class's prompt (classes, 10, 768), computed once."""
        from codaar_plugin_bert.word_pieces import WordPieces

        config = self.config
        keep = None if config.keep is None else str(self._at(config.keep))
        return WordPieces(config.bert, config.cache, SECONDS, keep).features(self.listing.prompts)
