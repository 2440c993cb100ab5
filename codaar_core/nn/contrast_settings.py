"""Settings of losses that compare the clips of a batch with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs
from torch import Tensor

from codaar_core.api import Ranks, Shared, exchange, setting


@attrs.frozen(kw_only=True)
class ContrastSettings:
    """Base of the Config of a loss that tells each clip from the others of its batch."""

    negatives: Literal["gathered", "local"] = setting(
        "gathered",
        'with several processes, tell a clip from those of all processes ("gathered") or of its own ("local")',
    )

    def gather(self, ranks: Ranks) -> Callable[[Tensor], Tensor]:
        """Return the function that turns the clips of this process (B, ...) into those to compare with each other."""
        return lambda clips: self.compared(exchange(ranks, self.shared(clips))[0])[0]

    def shared(self, *clips: Tensor) -> Shared:
        """Say which of several tensors (B, ...) are compared with those of other processes: all, or none."""
        return Shared(clips=clips) if self.negatives == "gathered" else Shared(kept=clips)

    def compared(self, shared: Shared) -> tuple[Tensor, ...]:
        """Return the clips to compare with each other, from what became of ``shared``."""
        return shared.clips if self.negatives == "gathered" else shared.kept
