"""Session: what the phases of one run share."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pluggy
from torch import Tensor

from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.epoch_means import EpochMeans
from codaar_core.engine.training.loss_scale import LossScale
from codaar_core.recipe.plan import Plan


@attrs.frozen
class Session:
    """One run: its plan, model, devices, run directory and hooks, and what the training loop keeps from step to step."""

    plan: Plan
    model: Model
    runtime: Runtime
    directory: RunDirectory
    hook: pluggy.HookRelay
    interruption: Interruption
    scale: LossScale = attrs.field(init=False)
    means: EpochMeans = attrs.field(init=False, factory=EpochMeans)

    @scale.default
    def _scale(self) -> LossScale:
        return LossScale(self.runtime.device, self.runtime.autocast_dtype)

    def extra_state(self) -> dict[str, Tensor]:
        """State that a checkpoint keeps in addition to model and optimizers: loss scale and sums of the epoch."""
        parts = {"scale/": self.scale.state, "means/": self.means.state}
        return {prefix + name: value for prefix, state in parts.items() for name, value in state.items()}

    def load_extra_state(self, extra_state: Mapping[str, Tensor]) -> None:
        """Restore what ``extra_state`` returned."""
        scale, means = (
            {name.removeprefix(prefix): value for name, value in extra_state.items() if name.startswith(prefix)}
            for prefix in ("scale/", "means/")
        )
        self.scale.load(scale)
        self.means.load(means, self.runtime.device)

    @property
    def resume_command(self) -> str:
        """The command that resumes this run."""
        return f"codaar-run {self.plan.source} --resume {self.directory.path}"
