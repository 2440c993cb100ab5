"""The stamps of a folder: pictures with captions and spoken descriptions, their kinds, and which belong together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import read_text

DEBIAN = Path("/usr/share/tuxpaint/stamps")
INSTALL = "sudo apt-get install tuxpaint-stamps-default"
ENGLISH = "en"  # language of a description without the mark of one
SPOKEN = re.compile(r"(?P<stamp>.+)_desc(_(?P<language>\w+))?\.ogg")
VARIANTS = frozenset(
    word
    for words in (
        ("mirror", "mirrored", "flip", "flipped", "left", "right", "front", "back", "side", "profile", "open"),
        ("small", "little", "big", "whole", "photo", "cartoon", "outline", "filled"),
        ("red", "green", "blue", "yellow", "white", "black", "pink", "orange", "brown", "purple", "grey", "gray"),
        ("gold", "golden", "silver"),
    )
    for word in words
)
"""Words of file names that tell variants of one picture apart."""


@attrs.frozen
class Stamp:
    """A picture with a caption and, in some languages, a spoken description.

    Attributes:
        name: Path below the folder of stamps, with dots, without suffix.
        kind: First folder of the path, e.g. "animals".
        group: Name of the first of all stamps that show the same thing.
        picture: A PNG file.
        caption: English.
        speech: Ogg files by language, e.g. "fr".
    """

    name: str
    kind: str
    group: str
    picture: Path
    caption: str
    speech: Mapping[str, Path]


@attrs.frozen
class Stamps:
    """The stamps of a folder.

    Attributes:
        each: In the order of their names.
        left_out: Number of pictures that are not used, by the reason.
    """

    each: tuple[Stamp, ...]
    left_out: Mapping[str, int]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the descriptions, the most frequent first."""
        counts = Counter(language for stamp in self.each for language in stamp.speech)
        return tuple(sorted(counts, key=lambda language: (-counts[language], language)))


def find_stamps(folder: Path, least: int) -> Stamps:
    """Find all stamps with a picture, a caption and a description, of kinds with at least ``least`` of them.

    Raises:
        DataError: The folder is missing or has no stamps; the help installs them.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder of stamps {folder}", INSTALL)
    speech = _spoken(folder)
    pictures = {path.with_suffix(""): path for path in sorted(folder.rglob("*.png"))}
    captions = {stamp: _caption(stamp.with_suffix(".txt")) for stamp in pictures if speech.get(stamp)}
    captioned = [stamp for stamp, caption in captions.items() if caption]
    sizes = Counter(_kind(stamp, folder) for stamp in captioned)
    chosen = [stamp for stamp in captioned if sizes[_kind(stamp, folder)] >= least]
    if not chosen:
        raise DataError(
            f"{folder} has no kind of stamp with {least} pictures that have a caption and a description",
            f"name the folder of the stamps by --stamps, give a smaller --least, or {INSTALL}",
        )
    groups = _groups(folder, {stamp: captions[stamp] for stamp in captioned})
    drawings = {path.with_suffix("") for path in folder.rglob("*.svg")}
    left_out = {
        "drawing (SVG) without a picture (PNG)": len(drawings - pictures.keys()),
        "picture without a spoken description": len(pictures) - len(captions),
        "picture without a caption": len(captions) - len(captioned),
        f"picture of a kind with less than {least}": len(captioned) - len(chosen),
    }
    return Stamps(
        tuple(
            Stamp(
                _name(stamp, folder),
                _kind(stamp, folder),
                groups[stamp],
                pictures[stamp],
                captions[stamp],
                speech[stamp],
            )
            for stamp in chosen
        ),
        {why: count for why, count in left_out.items() if count},
    )


def _spoken(folder: Path) -> dict[Path, dict[str, Path]]:
    """Descriptions of each stamp by language; sounds without ``_desc`` are the noises of things."""
    found: dict[Path, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("*.ogg")):
        match = SPOKEN.fullmatch(path.name)
        if match:
            found[path.parent / match["stamp"]][match["language"] or ENGLISH] = path
    return found


def _caption(path: Path) -> str:
    """The English caption, which is the first line; empty where there is none."""
    return read_text(path).partition("\n")[0].strip() if path.is_file() else ""


def _name(stamp: Path, folder: Path) -> str:
    return ".".join(stamp.relative_to(folder).parts)


def _kind(stamp: Path, folder: Path) -> str:
    return stamp.relative_to(folder).parts[0]


# Groups


def _groups(folder: Path, captions: Mapping[Path, str]) -> dict[Path, str]:
    """Group of each stamp: those of a kind that have the same caption, or the same name apart from ``VARIANTS``."""
    members: dict[Path, list[Path]] = {}
    first: dict[tuple[str, ...], Path] = {}
    for stamp, caption in captions.items():
        members[stamp] = [stamp]
        kind = _kind(stamp, folder)
        for key in ((kind, "name", *subject_words(stamp.name)), (kind, "caption", caption.lower().rstrip(".!"))):
            _join(members, first.setdefault(key, stamp), stamp)
    return {stamp: min(_name(each, folder) for each in group) for stamp, group in members.items()}


def _join(members: dict[Path, list[Path]], one: Path, other: Path) -> None:
    """Make two groups one; all of its members share one list."""
    kept, moved = members[one], members[other]
    if kept is not moved:
        kept.extend(moved)
        members.update(dict.fromkeys(moved, kept))


def subject_words(name: str) -> tuple[str, ...]:
    """Words of a file name without numbers and words that tell variants apart; all of them where no other is left."""
    words = [word for word in re.split(r"[-_.\s]+|(?<=[a-z])(?=\d)", name.lower()) if word]
    return tuple(word for word in words if word not in VARIANTS and not word.isdecimal()) or tuple(words)
