"""Settings of losses that compare the clips of a batch with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs
from torch import Tensor

from codaar_core.api import Ranks, gather_clips, setting


@attrs.frozen(kw_only=True)
class ContrastSettings:
    """Base of the Config of a loss that tells each clip from the others of its batch."""

    negatives: Literal["gathered", "local"] = setting(
        "gathered",
        'with several processes, tell a clip from those of all processes ("gathered") or of its own ("local")',
    )

    def gather(self, ranks: Ranks) -> Callable[[Tensor], Tensor]:
        """Return the function that turns the clips of this process (B, ...) into those to compare with each other."""
        return lambda clips: self.compared(ranks, clips)[0]

    def compared(self, ranks: Ranks, *clips: Tensor) -> list[Tensor]:
        """Return the clips to compare with each other, of each of several tensors (B, ...), in one exchange."""
        return gather_clips(ranks, *clips) if self.negatives == "gathered" else list(clips)
