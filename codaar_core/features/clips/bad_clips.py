"""The rule for clips that cannot be read: none may be, or a few are left out, counted and listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from codaar_core.api.errors import DataError

LISTED = 10


@attrs.frozen
class BadClips:
    """The rule for unreadable clips of a split."""

    action: Literal["refuse", "skip"] = "refuse"
    share: float = 0.02  # largest fraction of the clips that may be left out

    def check(self, bad: Mapping[Any, str], clips: int) -> None:
        """Refuse more bad clips than the rule allows.

        Args:
            bad: Reason for each unreadable clip, by id or number of the clip.
            clips: Number of all clips.

        Raises:
            DataError: There are more; the first ten are listed.
        """
        allowed = int(self.share * clips) if self.action == "skip" else 0
        if len(bad) <= allowed:
            return
        limit = f", {allowed:,} may be left out (bad_share = {self.share})" if self.action == "skip" else ""
        raise DataError(
            f"{len(bad):,} of {clips:,} clips cannot be read{limit}:{listed(bad)}",
            'repair these files, or leave them out with bad_clips = "skip" and a bad_share that allows it',
        )


REFUSE = BadClips()


def listed(bad: Mapping[Any, str]) -> str:
    """The first ten reasons, one per line."""
    lines = [f"\n   {what}" for what in list(bad.values())[:LISTED]]
    more = len(bad) - len(lines)
    return "".join(lines) + (f"\n   and {more:,} more" if more else "")
