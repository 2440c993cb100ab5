"""``extraction.toml`` beside features: what ``codaar data extract`` recorded about them."""

from __future__ import annotations

from pathlib import Path

import tomli

from codaar_core.api.errors import DataError
from codaar_core.features.reading.annotation_table import read_text

NOTE = "extraction.toml"
AGAIN = "extract the features again, or remove it"


def agreed_extractor(features: Path, stated: str | None, setting: str) -> str | None:
    """The extractor of features, by a setting of the recipe and by ``extraction.toml`` beside them.

    Args:
        features: Folder of feature files, which has the note, or one file, whose folder has it.
        stated: Tag that the recipe states; None if it states none.
        setting: Name of that setting, for messages.

    Returns:
        The tag; None if neither states one.

    Raises:
        DataError: The two differ, or the note cannot be read.
    """
    note = (features if features.is_dir() else features.parent) / NOTE
    noted = _made_by(note) if note.is_file() else None
    if noted is None or stated is None or noted == stated:
        return stated if noted is None else noted
    raise DataError(
        f"{setting} is {stated!r}, and {note} says that these features were made by {noted!r}",
        f"set {setting} to {noted!r}, or name the features of {stated!r}",
    )


def _made_by(note: Path) -> str | None:
    """The tag that a note states; None if it states none."""
    try:
        tag = tomli.loads(read_text(note)).get("made_by")
    except tomli.TOMLDecodeError as error:
        raise DataError(f"{note} is no TOML file: {error}", AGAIN) from None
    if tag is not None and not isinstance(tag, str):
        raise DataError(f"{note}: made_by is no string", AGAIN)
    return tag
