"""Settings that data sources and benchmarks share when they read files of a user's disk.

``codaar validate`` reads these classes from source without importing torch: annotations and defaults use only the
standard library, attrs and ``codaar_core.api``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs
from attrs.validators import and_, ge, le

from codaar_core.api import Card, DataError, setting
from codaar_core.features.clips.bad_clips import BadClips
from codaar_core.features.reading.extraction_note import agreed_extractor


@attrs.frozen(kw_only=True)
class RootSettings:
    """Base of a ``Config`` with the folder of the files."""

    root: str | None = setting(None, "folder of the feature files and tables; needed to read any of them")

    def at(self, path: str, card: Card) -> Path:
        """A path relative to ``root``.

        Raises:
            DataError: ``root`` is not set; the help says where ``card`` gets the files.
        """
        if self.root is None:
            raise DataError(f"{card.title}: needs `root`, the folder of its files", card.how_to_get)
        return Path(self.root).expanduser() / path

    def agreed_extractor(self, path: str, stated: str, setting: str) -> str:
        """Tag of the extractor of features, compared with ``extraction.toml`` beside them where ``root`` is set.

        Args:
            path: Their folder or file, relative to ``root``.
            stated: Tag that the recipe states.
            setting: Name of that setting, for messages.

        Raises:
            DataError: ``extraction.toml`` says another extractor, or cannot be read.
        """
        if self.root is not None:
            agreed_extractor(Path(self.root).expanduser() / path, stated, setting)
        return stated


@attrs.frozen(kw_only=True)
class ClipFileSettings(RootSettings):
    """Base of a ``Config`` with the folder of the files and the rule for clips that cannot be read."""

    bad_clips: Literal["refuse", "skip"] = setting("refuse", "what to do with clips that cannot be read")
    bad_share: float = setting(0.02, "largest fraction of the clips that may be skipped", and_(ge(0.0), le(1.0)))

    def bad_clip_rule(self) -> BadClips:
        """The rule for clips that cannot be read."""
        return BadClips(self.bad_clips, self.bad_share)
