"""What the phases of one run share."""

from __future__ import annotations

import attrs
import pluggy

from codaar_core.engine.directory import RunDirectory
from codaar_core.engine.interruption import Interruption
from codaar_core.engine.loss_scale import LossScale
from codaar_core.engine.model import Model
from codaar_core.engine.runtime import Runtime
from codaar_core.recipe.plan import Plan


@attrs.frozen
class Session:
    """One run: its plan, its model, where it computes, where it writes, who watches."""

    plan: Plan
    model: Model
    runtime: Runtime
    directory: RunDirectory
    hook: pluggy.HookRelay
    interruption: Interruption
    scale: LossScale = attrs.field(init=False)

    @scale.default
    def _scale(self) -> LossScale:
        return LossScale(self.runtime.device, self.runtime.narrow)

    @property
    def resume_command(self) -> str:
        """What to type to go on with this run."""
        return f"codaar-run {self.plan.source} --resume {self.directory.path}"
