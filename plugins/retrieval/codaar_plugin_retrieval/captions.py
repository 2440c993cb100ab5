"""Caption files of MSCOCO and Clotho -> items with five captions each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import DataError
from codaar_core.features import read_table, read_text

EACH = 5  # captions of an item
MOST_IDS = 10**12  # a file name has twelve digits
CLOTHO_COLUMNS = ("file_name", *(f"caption_{number}" for number in range(1, EACH + 1)))


@attrs.frozen
class Item:
    """A picture or recording with its captions."""

    id: str  # the name of its feature file
    captions: tuple[str, ...]


@attrs.frozen
class Annotation:
    """One caption of a picture."""

    image_id: int
    id: int
    caption: str

    @property
    def file(self) -> str:
        """Name of the picture: twelve digits."""
        return f"{self.image_id:012d}"


def read_coco(path: Path) -> list[Annotation]:
    """Read ``captions_*.json`` of MSCOCO, in the order of the file.

    Raises:
        DataError: The file is missing or no caption file, or two annotations have the same id.
    """
    try:
        annotations = json.loads(read_text(path))["annotations"]
        if not isinstance(annotations, list):
            raise TypeError("its annotations are no list")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        told = str(error)[:200]
        raise DataError(f"{path} is no caption file of MSCOCO: {told}", "expected JSON with annotations") from error
    read = [_annotation(path, number, each) for number, each in enumerate(annotations)]
    id, count = next(iter(Counter(each.id for each in read).most_common(1)), (0, 0))
    if count > 1:
        raise DataError(f"{path}: {count} annotations have the id {id}", "fetch this file again")
    return read


def _annotation(path: Path, number: int, fields: Any) -> Annotation:
    try:
        if not isinstance(fields["caption"], str):
            raise TypeError(f"{fields['caption']!r} is no caption")
        return Annotation(_id(fields["image_id"]), _id(fields["id"]), fields["caption"])
    except (KeyError, TypeError, ValueError) as error:
        told = str(error)[:200]
        raise DataError(f"{path}: annotation {number} has no image_id, id and caption: {told}") from error


def _id(value: object) -> int:
    if type(value) is not int or not 0 <= value < MOST_IDS:
        raise ValueError(f"{value!r} is no id, which is a whole number of at most twelve digits")
    return value


def by_picture(annotations: Sequence[Annotation]) -> list[Item]:
    """One item per picture, in the order of ids, with the first five captions by id.

    Raises:
        DataError: A picture has fewer than five captions.
    """
    ordered = sorted(annotations, key=lambda each: (each.image_id, each.id))
    items = []
    for _, group in groupby(ordered, key=attrgetter("image_id")):
        own = list(group)
        if len(own) < EACH:
            raise DataError(f"picture {own[0].file} has {len(own)} captions, {EACH} are needed")
        items.append(Item(own[0].file, tuple(each.caption for each in own[:EACH])))
    return items


def in_blocks(annotations: Sequence[Annotation]) -> list[Item]:
    """One item per five captions in the order of pictures, as in the released code.

    After a picture with more than five captions, items mix captions of two pictures. An item belongs to the picture of
    its first caption; an incomplete item at the end is dropped.
    """
    ordered = sorted(annotations, key=attrgetter("image_id"))
    blocks = (ordered[start : start + EACH] for start in range(0, len(ordered) - EACH + 1, EACH))
    return [Item(block[0].file, tuple(each.caption for each in block)) for block in blocks]


def read_clotho(path: Path) -> list[Item]:
    """Read ``clotho_captions_evaluation.csv``: one item per recording.

    Raises:
        DataError: The file is missing, or a row lacks a caption or repeats a recording.
    """
    table = read_table(path, CLOTHO_COLUMNS).reporting_repeated("file_name")
    if table.defects:
        first = next(iter(table.defects))
        raise DataError(f"{path}: {table.defects.summary}; the first is {first}", "fetch this file again")
    return [Item(Path(row["file_name"]).stem, tuple(row[column] for column in CLOTHO_COLUMNS[1:])) for row in table]
