"""Session: the state that the phases of one run or evaluation share."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pluggy
from torch import Tensor

from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.checkpoint_state import FinishedEpochs
from codaar_core.engine.record.lock import command, resume_command
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.epoch_means import EpochMeans, EpochUsage
from codaar_core.engine.training.loss_scale import LossScale
from codaar_core.recipe.plan import Plan

SCALE, MEANS, USES = "scale/", "means/", "uses/"  # prefixes of tensors in checkpoints


@attrs.frozen
class Session:
    """One run or evaluation.

    Attributes:
        plan: The checked recipe.
        model: The assembled model, on the device.
        runtime: Device, precision and ranks.
        directory: The run directory.
        hook: Calls the registered hooks.
        interruption: Signals received.
        command: The shell command of this run.
        resume_command: The shell command that resumes it.
        loss_scale: Loss scaling of the training loop.
        epoch_means: Sums of the current epoch.
        epoch_usage: Counts of the codewords that the current epoch has selected.
        finished_epochs: Values of the finished epochs, and the best of them.
    """

    plan: Plan
    model: Model
    runtime: Runtime
    directory: RunDirectory
    hook: pluggy.HookRelay
    interruption: Interruption
    command: str = attrs.field(kw_only=True)
    resume_command: str = attrs.field(kw_only=True)
    loss_scale: LossScale = attrs.field(init=False)
    epoch_means: EpochMeans = attrs.field(init=False, factory=EpochMeans)
    epoch_usage: EpochUsage = attrs.field(init=False, factory=EpochUsage)
    finished_epochs: FinishedEpochs = attrs.field(init=False, factory=FinishedEpochs)

    @command.default
    def _make_command(self) -> str:
        return command(self.plan)

    @resume_command.default
    def _make_resume_command(self) -> str:
        return resume_command(self.plan, self.directory.path)

    @loss_scale.default
    def _make_loss_scale(self) -> LossScale:
        return LossScale(self.runtime.device, self.runtime.autocast_dtype)

    def extra_state(self) -> dict[str, Tensor]:
        """Return the training state that is neither in the model nor in optimizers: loss scale and epoch sums."""
        parts = {SCALE: self.loss_scale.state, MEANS: self.epoch_means.state, USES: self.epoch_usage.state}
        return {prefix + name: value for prefix, state in parts.items() for name, value in state.items()}

    def load_extra_state(self, extra_state: Mapping[str, Tensor]) -> None:
        """Restore the state that ``extra_state`` returned."""
        scale, means, uses = (
            {name.removeprefix(prefix): value for name, value in extra_state.items() if name.startswith(prefix)}
            for prefix in (SCALE, MEANS, USES)
        )
        self.loss_scale.load(scale)
        self.epoch_means.load(means, self.runtime.device)
        self.epoch_usage.load(uses, self.runtime.device)
