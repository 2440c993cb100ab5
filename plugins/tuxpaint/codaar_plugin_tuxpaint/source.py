"""Data source "tuxpaint": captioned, spoken pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import attrs
from codaar_plugin_files.clips import FileClips
from codaar_plugin_files.settings import FilesSettings
from codaar_plugin_files.source import Files

from codaar_core.api import Card, DataContext, DataError, setting
from codaar_core.features import ClipSplit, FileDefects, Track, read_table
from codaar_plugin_tuxpaint.folder import CAPTIONS, FEATURES, PICTURE, SPEECH, TEXT, stamp_of
from codaar_plugin_tuxpaint.previews import StampSplit


class Tuxpaint(Files):
    """The stamps of Tux Paint: a clip is a picture with its caption in English and its description in one language.

    Splits: "pretrain", "validation" and "test", with other pictures and other languages. The settings and benchmarks
    are those of ``files``; picture and caption are stored once for all languages.
    """

    card = Card(
        title="stamps of Tux Paint",
        licence="GPL-2 (Debian's package tuxpaint-stamps-default, version 2022.06.04)",
        how_to_get="sudo apt-get install tuxpaint-stamps-default, then codaar tuxpaint tuxpaint-data, "
        "and set root to tuxpaint-data",
        homepage="https://tuxpaint.org/stamps/",
    )

    example: ClassVar = {
        "features": {modality: f"{FEATURES}/{modality}" for modality in (PICTURE, SPEECH, TEXT)},
        "shapes": {PICTURE: (8,), SPEECH: (4,), TEXT: (6,)},
        "steps": 4,
    }
    examples: ClassVar = ({"absent": "leave-out"},)

    @attrs.frozen(kw_only=True)
    class Config(FilesSettings):
        """Settings of the stamps of Tux Paint."""

        splits: str | None = setting("splits.csv", "table id,split that divides the clips; relative to `root`")
        group: str = setting("group", "column of `clips` whose clips are never divided between splits")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.clips = StampClips(config, self.modalities, self.card)

    def opened(
        self,
        ids: Sequence[str],
        names: Mapping[str, Sequence[str | None]],
        targets: Mapping[str, Track],
        defects: FileDefects,
    ) -> ClipSplit:
        """Chosen clips, which can be looked at."""
        clips = super().opened(ids, names, targets, defects)
        return StampSplit(clips, self.clips.at(""), self._captions, names)

    @cached_property
    def _captions(self) -> Mapping[str, str]:
        """Captions by stamp."""
        return {row["id"]: row["text"] for row in read_table(self.clips.at(CAPTIONS), ("id", "text"))}


class StampClips(FileClips):
    """Clips of the table of clips; all languages of a stamp share its picture and its caption."""

    def at(self, path: str) -> Path:
        """A path relative to ``root``.

        Raises:
            DataError: ``root`` is not set, or there is no such folder; the help makes it.
        """
        found, root = super().at(path), super().at("")
        if not root.is_dir():
            raise DataError(f"there is no folder {root}", self.card.how_to_get)
        return found

    @cached_property
    def names(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """By modality: name of the array of each clip that has one."""
        clips = read_table(self.at(self.settings.clips), ("id",)).column("id")
        return {
            modality: {
                clip: (name,)
                for clip in clips
                if (name := clip if modality == SPEECH else stamp_of(clip)) in arrays.entries
            }
            for modality, arrays in self.arrays.items()
        }
