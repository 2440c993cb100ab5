"""What is extracted: recordings of a folder, or sentences of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from codaar_core.api import CodaarError, DataError, Extractor
from codaar_core.features import read_table

BANNED = ("/", "\\", "\0")  # in names of files


@attrs.frozen
class Sources:
    """What is extracted, by the name of its file of features without suffix.

    Attributes:
        by_stem: Paths of recordings, or sentences.
        sentences: The sentences by stem; None for recordings.
        defects: Rows of the table that give no features, and why.
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
        return "files" if self.sentences is None else "rows"


def find_sources(given: Path, name: str, extractor: Extractor) -> Sources:
    """Find the recordings of a folder, or read the sentences of a table if the extractor reads sentences.

    Args:
        given: Folder or table.
        name: Name of the extractor for messages.
        extractor: Its ``suffixes`` decide what is looked for.

    Raises:
        CodaarError: A table is given for an extractor of recordings, or a folder for one of sentences.
        DataError: There is no recording or sentence, or two would become the same file.
    """
    if extractor.suffixes:
        return Sources(_by_stem(_recordings(given, name, extractor.suffixes)))
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


def _sentences(path: Path, column: str) -> Sources:
    table = read_table(path, ("id", column))
    defects = {defect.where: str(defect) for defect in table.defects}
    several = {id_ for id_, rows in Counter(table.column("id")).items() if rows > 1}
    numbers: Counter[str] = Counter()
    found: dict[str, str] = {}
    for row in table:
        id_ = row["id"]
        if id_.startswith(".") or any(each in id_ for each in BANNED):
            where = f"{path}:{row.line}"
            defects[where] = f"{where}: the id {id_!r} cannot be the name of a file"
            continue
        stem = f"{id_}#{numbers[id_]}" if id_ in several else id_
        numbers[id_] += 1
        if stem in found:
            raise DataError(f"{path}:{row.line}: another row becomes {stem}.npy too", "rename one of the ids")
        found[stem] = row[column]
    if not found:
        raise DataError(f"{path} has no sentence", f"write a table with the columns id and {column}")
    return Sources(found, found, defects)
