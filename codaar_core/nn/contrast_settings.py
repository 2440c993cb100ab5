"""Settings of losses that compare the clips of a batch with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs
from torch import Tensor

from codaar_core.api import Ranks, setting


@attrs.frozen(kw_only=True)
class ContrastSettings:
    """Base of the Config of a loss that tells each clip from the others of its batch."""

    negatives: Literal["gathered", "local"] = setting(
        "gathered",
        'with several processes, tell a clip from those of all processes ("gathered") or of its own ("local")',
    )

    def gather(self, ranks: Ranks) -> Callable[[Tensor], Tensor]:
        """Return the function that turns the clips of this process (B, ...) into those to compare with each other."""
        return ranks.gather if self.negatives == "gathered" else _own


def _own(clips: Tensor) -> Tensor:
    return clips
