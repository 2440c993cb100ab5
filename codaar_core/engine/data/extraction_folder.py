"""A folder of extracted features: what made them, their sentences, and whether their lengths agree with others."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli
import tomli_w

from codaar_core.api import DataError, Extractor
from codaar_core.features.files import sha256_of, write_whole, writing
from codaar_core.recipe.plan import Block
from codaar_core.recipe.resolved import settings as settings_of

NOTE = "extraction.toml"
SENTENCES = "sentences.csv"
ROOM = "make room, or choose another folder; earlier features are kept, and the same command continues from there"
SPEED_ONLY = ("batch", "cache")  # settings of extractors that do not change the features
LISTED = 10  # clips named in a note


def features_of(folder: Path, stem: str) -> Path:
    """The file of features of a recording or sentence."""
    return folder / f"{stem}.npy"


class FeatureFolder:
    """The folder that features are written to.

    Args:
        path: It need not exist.
        sentences: By stem; None for features of recordings.
    """

    def __init__(self, path: Path, sentences: Mapping[str, str] | None) -> None:
        self.path = path
        self.sentences = sentences
        self._noted = {} if sentences is None else _read_sentences(path / SENTENCES)

    def has(self, stem: str) -> bool:
        """Whether the features of a recording, or of this very sentence, are there."""
        if not features_of(self.path, stem).exists():
            return False
        return self.sentences is None or self._noted.get(stem) == self.sentences[stem]

    def open(self, block: Block, extractor: Extractor) -> None:
        """Create the folder and the record of what makes the features in it.

        Raises:
            DataError: It has features of another extractor or configuration, or without a record.
            CodaarError: It cannot be written.
        """
        record = _record(block, extractor)
        _refuse_folder_of_other_extractor(self.path, record)
        with writing(self.path, ROOM):
            self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / NOTE, tomli_w.dumps(record), ROOM)
        if self.sentences is not None:  # forget changed sentences before their features are replaced
            self._noted = {
                stem: noted for stem, noted in self._noted.items() if self.sentences.get(stem, noted) == noted
            }
            self._write_sentences()

    def note_sentences(self, stems: Sequence[str]) -> None:
        """Write down the sentences whose features are there now."""
        if self.sentences is not None:
            self._noted |= {stem: self.sentences[stem] for stem in stems}
            self._write_sentences()

    def notes(self, stems: Collection[str]) -> Iterator[str]:
        """Features of sentences that are no longer given."""
        if self.sentences is not None and (old := sorted(self._noted.keys() - set(stems))):
            yield f"{self.path} has features of {len(old):,} sentences that are not among those given: {_listed(old)}"

    def _write_sentences(self) -> None:
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerows([("id", "sentence"), *self._noted.items()])
        write_whole(self.path / SENTENCES, content.getvalue(), ROOM)


def _read_sentences(path: Path) -> dict[str, str]:
    """Sentence of each stem; empty where there is no table, so that all are extracted again."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["id"]: row["sentence"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, csv.Error):
        return {}


# Record of the extraction


def _record(block: Block, extractor: Extractor) -> dict[str, Any]:
    """Everything besides the recordings that determines the features, as TOML values."""
    weights = {path.resolve(): sha256_of(path) for path in extractor.weights}
    given = {key: value for key, value in settings_of(block.config).items() if key not in SPEED_ONLY}
    seconds = extractor.seconds_per_step
    return {
        "made_by": extractor.made_by,
        "extractor": block.entry.full_name,
        # paths of weights are left out: the checksum identifies the weights wherever they are stored
        "settings": {key: value for key, value in given.items() if not _leads_to(value, weights)},
        **({} if seconds is None else {"clock": {"seconds": seconds}}),
        "weights": {path.name: checksum for path, checksum in weights.items()},
    }


def _leads_to(value: Any, files: Mapping[Path, str]) -> bool:
    """Whether a setting is the path of one of the files, or of the folder of one."""
    if not isinstance(value, str):
        return False
    path = Path(value).expanduser().resolve()
    return any(path in (file, file.parent) for file in files)


def _refuse_folder_of_other_extractor(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder whose features were made by another extractor or configuration, or have no record."""
    note = folder / NOTE
    if not note.exists() and not any(folder.glob("*.npy")):
        return
    try:
        before = tomli.loads(note.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} has features, but their record {NOTE} cannot be read: {error}", "extract to another folder"
        ) from error
    for key in dict.fromkeys((*record, "clock")):
        if before.get(key) != record.get(key):
            raise DataError(
                f"{folder} has features made with {key} = {before.get(key)!r}, now it is {record.get(key)!r}",
                "extract to another folder: a folder holds features of one extractor and configuration",
            )


# Lengths


def length_notes(folder: Path) -> Iterator[str]:
    """Say where features of the same clip in folders beside this one, on the same clock, have other lengths."""
    seconds = _seconds(folder)
    if seconds is None:
        return
    for other in sorted(folder.resolve().parent.iterdir()):
        if other.name == folder.resolve().name or _seconds(other) != seconds:
            continue
        different = list(_different(folder, other))
        if different:
            yield (
                f"{len(different):,} clips have another number of steps in {folder.parent / other.name}: "
                f"{_listed(different)}"
            )


def _seconds(folder: Path) -> float | None:
    """Length of the steps of the features in a folder; None where they are not on the clock of recordings."""
    try:
        clock = tomli.loads((folder / NOTE).read_text("utf-8")).get("clock")
    except (OSError, ValueError):
        return None
    seconds = clock.get("seconds") if isinstance(clock, dict) else None
    return float(seconds) if isinstance(seconds, (int, float)) else None


def _different(folder: Path, other: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.npy")):
        steps, others = _steps(path), _steps(other / path.name)
        if None not in (steps, others) and steps != others:
            yield f"{path.stem} ({steps}, there {others})"


def _steps(path: Path) -> int | None:
    """Number of steps by the header of a file; None where there is no such file."""
    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError):
        return None


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
