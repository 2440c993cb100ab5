"""Session: the state that the phases of one run share."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pluggy
from torch import Tensor

from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.checkpoint_state import FinishedEpochs
from codaar_core.engine.record.lock import resume_command
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.epoch_means import EpochMeans
from codaar_core.engine.training.loss_scale import LossScale
from codaar_core.recipe.plan import Plan


@attrs.frozen
class Session:
    """One run.

    Attributes:
        plan: The checked recipe.
        model: The assembled model, on the device.
        runtime: Device, precision and ranks.
        directory: The run directory.
        hook: Calls the registered hooks.
        interruption: Signals received.
        loss_scale: Loss scaling of the training loop.
        epoch_means: Sums of the current epoch.
        finished_epochs: Values of the finished epochs, and the best of them.
    """

    plan: Plan
    model: Model
    runtime: Runtime
    directory: RunDirectory
    hook: pluggy.HookRelay
    interruption: Interruption
    loss_scale: LossScale = attrs.field(init=False)
    epoch_means: EpochMeans = attrs.field(init=False, factory=EpochMeans)
    finished_epochs: FinishedEpochs = attrs.field(init=False, factory=FinishedEpochs)

    @loss_scale.default
    def _make_loss_scale(self) -> LossScale:
        return LossScale(self.runtime.device, self.runtime.autocast_dtype)

    def extra_state(self) -> dict[str, Tensor]:
        """Return the training state that is neither in the model nor in optimizers: loss scale and epoch sums."""
        parts = {"scale/": self.loss_scale.state, "means/": self.epoch_means.state}
        return {prefix + name: value for prefix, state in parts.items() for name, value in state.items()}

    def load_extra_state(self, extra_state: Mapping[str, Tensor]) -> None:
        """Restore the state that ``extra_state`` returned."""
        scale, means = (
            {name.removeprefix(prefix): value for name, value in extra_state.items() if name.startswith(prefix)}
            for prefix in ("scale/", "means/")
        )
        self.loss_scale.load(scale)
        self.epoch_means.load(means, self.runtime.device)

    @property
    def resume_command(self) -> str:
        """The shell command that resumes this run."""
        return resume_command(self.plan, self.directory.path)
