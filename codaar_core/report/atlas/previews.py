"""Previews of raw clips, each kept once and only as many as a page may contain."""

from __future__ import annotations

import base64
from hashlib import sha256

from codaar_core.api import DataError, Picture, Preview, Sound, Split, Words

LARGEST = 200_000  # bytes of one preview
LONGEST = 300  # letters of words
SIGNATURES = {Picture: b"\x89PNG\r\n\x1a\n", Sound: b"RIFF"}
KINDS = {Picture: "picture", Sound: "sound", Words: "words"}


class Previews:
    """Previews of a page, by number.

    Attributes:
        entries: For each preview its kind, content (Base64 of the file, or the words) and description.
        problems: Why previews are missing, each reason once.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []
        self.problems: dict[str, None] = {}
        self._known: dict[bytes, int] = {}
        self._left = 0

    def allow(self, letters: int) -> None:
        """Set how many letters of content may still be added; those left from before are lost."""
        self._left = letters

    def of(self, split: Split | None, clip: int, modality: str, step: int) -> int | None:
        """The preview of a clip at a time step; None if there is none, or if all letters are used."""
        if split is None or clip < 0 or self._left <= 0:
            return None
        try:
            preview = split.preview(clip, modality, step)
        except DataError as error:
            self.problems[f"previews of {modality}: {error.message}"] = None
            return None
        return None if preview is None else self.add(preview)

    def add(self, preview: Preview) -> int | None:
        """Add a preview, unless it is damaged, too large, or the letters are used; gives its number."""
        if isinstance(preview, Words):
            kind, content, alt = "words", preview.words[:LONGEST], ""
        elif type(preview) in KINDS and self._is_sound(preview):
            kind, alt = KINDS[type(preview)], preview.alt[:LONGEST]
            content = base64.b64encode(preview.content).decode("ascii")
        else:
            self.problems["some previews are damaged or too large and left out"] = None
            return None
        key = sha256(f"{kind}\n{alt}\n{content}".encode("utf-8", "surrogatepass")).digest()
        if key not in self._known:
            if len(content) > self._left:
                return None
            self._left -= len(content) + len(alt)
            self._known[key] = len(self.entries)
            self.entries.append((kind, content, alt))
        return self._known[key]

    @staticmethod
    def _is_sound(preview: Picture | Sound) -> bool:
        """Whether the content is a file of its kind, and small."""
        return preview.content.startswith(SIGNATURES[type(preview)]) and len(preview.content) <= LARGEST
