"""The lists of the CoDAAR release: class and part of each clip, and a sentence for each class."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import Table, read_names, read_table

LISTS = {"40k": "vggsound-avel40k.csv", "90k": "vggsound-avel90k-new.csv"}
CLASSES = "VggsoundAVEL40kCategories.txt"
PROMPTS = "vggsoundCategories2Prompts.csv"
PARTS = ("train", "test", "val")  # in the order in which the released loaders join them


@attrs.frozen(slots=False)
class Listing:
    """The annotation files, each read on first use.

    Args:
        clips: Table ``category,video_id,split``.
        names: One class per line; the line number is its index.
        sentences: Table ``label,prompt``.
    """

    clips: Path
    names: Path
    sentences: Path

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return read_names(self.names)

    @cached_property
    def table(self) -> Table:
        """The clips of known classes and parts, each once; rows left out are among its defects."""
        table = read_table(self.clips, ("category", "video_id", "split"))
        return table.without_repeated("video_id").only("category", self.classes).only("split", PARTS)

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """Sentence of each class, by index.

        Raises:
            DataError: A class has no sentence.
        """
        table = read_table(self.sentences, ("label", "prompt")).without_repeated("label")
        sentences = {row["label"]: row["prompt"] for row in table}
        without = [name for name in self.classes if name not in sentences]
        if without:
            raise DataError(
                f"{self.sentences} has no prompt for {without[0]!r}", f"add one for each class of {self.names}"
            )
        return tuple(sentences[name] for name in self.classes)

    def rows(self, parts: tuple[str, ...]) -> tuple[list[str], list[int]]:
        """Ids and class indices of the clips of some parts, part after part."""
        index = {name: number for number, name in enumerate(self.classes)}
        chosen = [row for part in parts for row in self.table if row["split"] == part]
        return [row["video_id"] for row in chosen], [index[row["category"]] for row in chosen]

    @property
    def version(self) -> str:
        """Name and checksum of the list of clips."""
        try:
            return f"{self.clips.name} sha256 {hashlib.sha256(self.clips.read_bytes()).hexdigest()[:16]}"
        except OSError as error:
            raise DataError(f"{self.clips} cannot be read: {error.strerror}") from None
