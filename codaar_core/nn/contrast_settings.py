"""Settings of losses that compare the clips of a batch with each other."""

from __future__ import annotations

from typing import Literal

import attrs
from torch import Tensor

from codaar_core.api import Shared, setting


@attrs.frozen(kw_only=True)
class ContrastSettings:
    """Base of the Config of a loss that tells each clip from the others of its batch."""

    negatives: Literal["gathered", "local"] = setting(
        "gathered",
        'with several processes, tell a clip from those of all processes ("gathered") or of its own ("local")',
    )

    def shared(self, *clips: Tensor) -> Shared:
        """Say which of several tensors (B, ...) are compared with those of other processes: all, or none."""
        return Shared(clips=clips) if self.negatives == "gathered" else Shared(kept=clips)

    def compared(self, shared: Shared) -> tuple[Tensor, ...]:
        """Return the clips to compare with each other, from what became of ``shared``."""
        return shared.clips if self.negatives == "gathered" else shared.kept
