"""The folder that is trained from: links to recordings, and tables of clips, kinds, splits and captions."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_plugin_tuxpaint.stamps import Stamp, Stamps

PICTURE, SPEECH, TEXT = "picture", "speech", "text"
RECORDINGS, FEATURES, CAPTIONS = "recordings", "features", "captions.csv"
SPLITS, HEARD, ONE_LANGUAGE = "splits.csv", "splits-heard.csv", "splits-one-language.csv"
PRETRAIN, VALIDATION, TEST = "pretrain", "validation", "test"
SHARES = {PRETRAIN: 0.6, VALIDATION: 0.2, TEST: 0.2}
MARK = "@"  # between the name of a stamp and a language


@attrs.frozen
class Voices:
    """Languages, each with voices of its own: those of a split are in no other.

    Attributes:
        pretrain: Languages of pretraining.
        validation: Language of the validation clips.
        test: Language of the test clips.
    """

    pretrain: tuple[str, ...]
    validation: str
    test: str

    @property
    def of(self) -> dict[str, tuple[str, ...]]:
        """Languages by split."""
        return {PRETRAIN: self.pretrain, VALIDATION: (self.validation,), TEST: (self.test,)}

    @property
    def heard(self) -> dict[str, tuple[str, ...]]:
        """Languages by split where validation and test have the first voice of pretraining, with other pictures."""
        return {PRETRAIN: self.pretrain, VALIDATION: self.pretrain[:1], TEST: self.pretrain[:1]}

    @property
    def one_language(self) -> dict[str, tuple[str, ...]]:
        """Languages by split where all have the first voice of pretraining, with other pictures."""
        return dict.fromkeys(SHARES, self.pretrain[:1])


def refuse_voices(voices: Voices, languages: Sequence[str]) -> None:
    """Refuse languages that no stamp has, languages in two splits, and a pretraining without a language.

    Raises:
        DataError: It names the language, or says that there is none.
    """
    if not voices.pretrain:
        raise DataError("pretraining has no language", f"the languages are {', '.join(languages)}")
    named = [*voices.pretrain, voices.validation, voices.test]
    unknown = [language for language in named if language not in languages]
    if unknown:
        raise DataError(f"no stamp is described in {unknown[0]!r}", f"the languages are {', '.join(languages)}")
    twice = [language for language in named if named.count(language) > 1]
    if twice:
        raise DataError(
            f"{twice[0]!r} is named twice",
            f"each language is in one split, because its voices are; {ONE_LANGUAGE} has the first one in all",
        )


def clip_name(stamp: str, language: str) -> str:
    """Name of the clip of a stamp in a language."""
    return f"{stamp}{MARK}{language}"


def stamp_of(clip: str) -> str:
    """Name of the stamp of a clip."""
    return clip.rpartition(MARK)[0]


def split_of(group: str) -> str:
    """Split of all stamps of a group, by a hash of its name."""
    place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    for name, share in SHARES.items():
        if place < share:
            return name
        place -= share
    return TEST


def write_folder(folder: Path, stamps: Stamps, voices: Voices) -> None:
    """Link the recordings, and write the tables; what is there already is replaced, features are kept.

    Raises:
        DataError: The folder cannot be written, or the languages are not those of the stamps.
    """
    refuse_voices(voices, stamps.languages)
    languages = sorted({language for each in voices.of.values() for language in each})
    clips = [(stamp, language) for stamp in stamps.each for language in languages if language in stamp.speech]
    try:
        _link(folder / RECORDINGS / PICTURE, {stamp.name: stamp.picture for stamp in stamps.each})
        _link(folder / RECORDINGS / SPEECH, {clip_name(s.name, language): s.speech[language] for s, language in clips})
        _write(folder / CAPTIONS, ("id", "text"), ((stamp.name, stamp.caption) for stamp in stamps.each))
        named = [(clip_name(stamp.name, language), stamp, language) for stamp, language in clips]
        header = ("id", "group", "kind", "language")
        _write(folder / "clips.csv", header, ((name, s.group, s.kind, language) for name, s, language in named))
        _write(folder / "labels.csv", ("id", "label"), ((name, stamp.kind) for name, stamp, _ in named))
        for table, of in ((SPLITS, voices.of), (HEARD, voices.heard), (ONE_LANGUAGE, voices.one_language)):
            _write(folder / table, ("id", "split"), _rows(named, of))
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}", "name another folder, or make room") from error


def _rows(clips: Iterable[tuple[str, Stamp, str]], of: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Clips whose language is one of their split's; others are in none."""
    placed = [(name, split_of(stamp.group), language) for name, stamp, language in clips]
    return [(name, split) for name, split, language in placed if language in of[split]]


def _link(folder: Path, targets: dict[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        link = folder / f"{name}{target.suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve())


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    aside = path.with_name(f".{path.name}.new")
    with aside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    os.replace(aside, path)
