"""What is extracted: recordings of a folder, or sentences of a table or of the call itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import attrs

from codaar_core.api import CodaarError, DataError, Extractor
from codaar_core.features import read_table

BANNED = ("/", "\\", "\0")  # in names of files
Inline = Mapping[str, str | Sequence[str]]
"""Sentences by id: one, or several."""


@attrs.frozen
class Sources:
    """What is extracted, by the name of its file of features without suffix.

    Attributes:
        by_stem: Paths of recordings, or sentences.
        sentences: The sentences by stem; None for recordings.
        defects: Rows of the table, or sentences, that give no features, and why.
    """

    by_stem: Mapping[str, Path | str]
    sentences: Mapping[str, str] | None = None
    defects: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def called(self) -> str:
        """What they are called in messages."""
        return "recordings" if self.sentences is None else "sentences"

    @property
    def them(self) -> str:
        """What is repaired where some cannot be read."""
        return "files" if self.sentences is None else "sentences"


def find_sources(given: Path | Inline, name: str, extractor: Extractor) -> Sources:
    """Find the recordings of a folder, or take the sentences of a table or mapping if the extractor reads sentences.

    Args:
        given: Folder, table, or one sentence or several by id.
        name: Name of the extractor for messages.
        extractor: Its ``suffixes`` decide what is looked for.

    Raises:
        CodaarError: Sentences are given for an extractor of recordings, or a folder for one of sentences.
        DataError: There is no recording or sentence, or two would become the same file.
    """
    if extractor.suffixes:
        if not isinstance(given, Path):
            raise CodaarError(f"{name} reads recordings, not sentences", "name the folder of the recordings")
        return Sources(_by_stem(_recordings(given, name, extractor.suffixes)))
    if not isinstance(given, Path):
        return _inline(given)
    if given.is_dir():
        raise CodaarError(
            f"{name} reads sentences, not recordings", f"name a table with the columns id and {extractor.column}"
        )
    return _sentences(given, extractor.column)


# Recordings


def _recordings(folder: Path, name: str, suffixes: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        what = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
        raise DataError(what, "name the folder of the recordings")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]
    found = [path for path in files if path.is_file() and not _hidden(path.relative_to(folder))]
    if not found:
        raise DataError(f"{folder} has no recording that {name} reads", f"it reads {', '.join(suffixes)}")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _by_stem(recordings: Sequence[Path]) -> dict[str, Path | str]:
    found: dict[str, Path | str] = {}
    for path in recordings:
        other = found.setdefault(path.stem, path)
        if other != path:
            raise DataError(f"{other} and {path} would both become {path.stem}.npy", "rename or move one of them")
    return found


# Sentences


class _Sentence(NamedTuple):
    where: str  # for messages
    id: str
    sentence: str


def _sentences(path: Path, column: str) -> Sources:
    table = read_table(path, ("id", column))
    rows = [_Sentence(f"{path}:{row.line}", row["id"], row[column]) for row in table]
    found, unusable = _numbered(rows)
    if not found:
        raise DataError(f"{path} has no sentence", f"write a table with the columns id and {column}")
    return Sources(found, found, {**{defect.where: str(defect) for defect in table.defects}, **unusable})


def _inline(given: Inline) -> Sources:
    rows = [
        _Sentence(f"sentence {number} of {id_!r}", id_, sentence.strip())
        for id_, several in given.items()
        for number, sentence in enumerate([several] if isinstance(several, str) else several, 1)
    ]
    found, unusable = _numbered(rows)
    if not found:
        why = "".join(f"\n   {reason}" for reason in unusable.values())
        raise DataError(f"there is no sentence{why and ':'}{why}", "give at least one sentence with its id")
    return Sources(found, found, unusable)


def _numbered(rows: Sequence[_Sentence]) -> tuple[dict[str, str], dict[str, str]]:
    """Sentences by the name of their file, and why others have none by where they stand.

    Raises:
        DataError: Two would become the same file.
    """
    unusable = {row.where: f"{row.where}: {reason}" for row in rows if (reason := _why_unusable(row))}
    usable = [row for row in rows if row.where not in unusable]
    several = {id_ for id_, count in Counter(row.id for row in usable).items() if count > 1}
    numbers: Counter[str] = Counter()
    found: dict[str, str] = {}
    for row in usable:
        stem = f"{row.id}#{numbers[row.id]}" if row.id in several else row.id
        numbers[row.id] += 1
        if stem in found:
            raise DataError(f"{row.where}: another sentence becomes {stem}.npy too", "rename one of the ids")
        found[stem] = row.sentence
    return found, unusable


def _why_unusable(row: _Sentence) -> str:
    if not row.sentence:
        return "it is empty"
    if not row.id or row.id.startswith(".") or any(each in row.id for each in BANNED):
        return f"the id {row.id!r} cannot be the name of a file"
    return ""
