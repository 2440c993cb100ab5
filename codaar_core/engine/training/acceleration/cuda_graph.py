"""Records a whole training step as a CUDA graph, and repeats it with one launch in place of a thousand."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import attrs
import torch
from torch import Tensor

from codaar_core.api import Features, StepView
from codaar_core.engine.training.acceleration.compilation import first_line
from codaar_core.engine.training.acceleration.host_state import HostWatch, changes
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard
from codaar_core.engine.training.session import Session
from codaar_core.engine.training.step import StepResult, TrainingStep

WARM_UP = 3  # steps in a row that must leave the host as it is first; libraries make their workspaces in them
PATIENCE = 100  # steps after which a host that still changes is the reason to record nothing
Shapes: TypeAlias = tuple[Any, ...]


def step_of(
    session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard
) -> Callable[[StepView], StepResult]:
    """Return the training step of a run, recorded if the recipe says ``device.cuda_graphs`` and it can be.

    Warns if it cannot be, and says why.
    """
    step = TrainingStep(session, optimizer, guard)
    if not session.plan.device.cuda_graphs:
        return step
    if reason := impossible(session):
        _warn(reason)
        return step
    return RecordedStep(step, optimizer)


def impossible(session: Session) -> str | None:
    """Say why no step of this run can be recorded, whatever its components do; None: it may be possible."""
    if session.runtime.device.type != "cuda":
        return f"this run computes on {session.runtime.device.type}, and only NVIDIA GPUs have CUDA graphs"
    if session.runtime.ranks.size > 1:
        return "several processes exchange numbers between their hosts in every step"
    return None


def _warn(reason: str) -> None:
    warnings.warn(f"device.cuda_graphs is on, but steps are not recorded: {reason}", stacklevel=3)


class Recording(NamedTuple):
    """A recorded step.

    Attributes:
        start: Where the step reads its features.
        result: Where it leaves its results.
        repeat: Takes the step again.
    """

    start: StepView
    result: StepResult
    repeat: Callable[[], None]


class RecordedStep:
    """Takes training steps: the first ones as they are, then repetitions of a recording for each shape of a batch.

    A repetition reads new features, and draws the random numbers of its own seeds. It does not run Python. So nothing
    is recorded before several steps in a row have left the host as it was; a step that reads its number is never
    recorded, and one that reads the number of its epoch is recorded anew in each. What cannot be recorded is taken as
    it is, and a warning says why.

    Args:
        step: The training step.
        optimizer: Optimizer of the model; its learning rates move to the device.
    """

    def __init__(self, step: TrainingStep, optimizer: torch.optim.Optimizer) -> None:
        self.step, self.model = step, step.session.model
        self.watch = HostWatch(self.model)
        self.optimizers = [optimizer, *self.model.loss_optimizers()]
        device = step.session.runtime.device
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=device)
        self.generator = torch.Generator(device)
        self.recorder = GraphRecorder(self.generator)
        self.recordings: dict[Shapes, Recording] = {}
        self.calm = self.restless = 0  # steps in a row that left the host as it was, and all others
        self.given: tuple[Any, ...] = ()  # what else recordings depend on
        self.refused = False

    def __call__(self, start: StepView) -> StepResult:
        """Take one step; see ``TrainingStep``."""
        if self.refused:
            return self.step(start)
        self._forget_unless_equal((dict(self.model.weights), start.epoch if self.watch.reads_epoch else None))
        self.generator.manual_seed(start.device_generator.initial_seed())
        shapes = _shapes(start)
        if shapes in self.recordings:
            return self._repeat(self.recordings[shapes], start)
        return self._record(shapes, start) if self.calm >= WARM_UP else self._look(start)

    def _forget_unless_equal(self, given: tuple[Any, ...]) -> None:
        if given != self.given:
            self.given, self.calm = given, 0
            self.recordings.clear()

    def _look(self, start: StepView) -> StepResult:
        """Take a step as it is, and look at what it changes on the host."""
        before = self.watch.state(start)
        result = self.step(self.watch.watched(start))
        changed = changes(before, self.watch.state(start))
        if self.watch.reads_step:
            changed.append("its own number")
        self.calm = 0 if changed else self.calm + 1
        self.restless += bool(changed)
        if self.restless >= PATIENCE or self.watch.reads_step:
            self._refuse(f"each step reads or changes, on the host, {', '.join(changed[:3])}")
        return result

    def _refuse(self, reason: str) -> None:
        self.refused = True
        self.recordings.clear()
        _warn(reason)

    def _record(self, shapes: Shapes, start: StepView) -> StepResult:
        """Record a step of these shapes and take it."""
        own = attrs.evolve(start, inputs=_copied(start), device_generator=self.generator)
        try:
            with _capturable(self.optimizers):
                result, repeat = self.recorder(lambda: self.step(own))
        except Exception as error:  # torch raises several kinds; an error of the step itself is raised again below
            self.optimizers[0].zero_grad()
            self._refuse(_first_reason(error))
            return self.step(start)
        self.recordings[shapes] = Recording(own, result, repeat)
        return self._repeat(self.recordings[shapes], start)

    def _repeat(self, recording: Recording, start: StepView) -> StepResult:
        for mine, given in zip(_tensors(recording.start), _tensors(start), strict=True):
            mine.copy_(given, non_blocking=True)
        recording.repeat()
        view, values, counts, signal = recording.result
        view = attrs.evolve(start, encoded=view.encoded, quantized=view.quantized)
        return StepResult(view, dict(values), counts, signal)


class GraphRecorder:
    """Records functions as CUDA graphs that share their memory, because they are never repeated at the same time.

    Args:
        generator: The only generator on the device, besides torch's own, that functions draw from.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.pool: Any = None

    def __call__(self, function: Callable[[], StepResult]) -> tuple[StepResult, Callable[[], None]]:
        """Record a function, which is not executed before the first repetition.

        Returns:
            Where a repetition leaves the results, and the function that repeats.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):  # a thread reads batches
            result = function()
        self.pool = graph.pool()
        return result, graph.replay


@contextmanager
def _capturable(optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[None]:
    """Let optimizers of torch be recorded; otherwise they warn that this is slower."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups if "capturable" in group]
    before = [group["capturable"] for group in groups]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, capturable in zip(groups, before, strict=True):
            group["capturable"] = capturable


def _tensors(start: StepView) -> list[Tensor]:
    return [each for features in start.inputs.values() for each in features if each is not None]


def _shapes(start: StepView) -> Shapes:
    """Names, shapes and types of the features, and which of them have masks."""
    return tuple(
        (modality, *((each.shape, each.dtype) for each in features if each is not None), features.mask is None)
        for modality, features in start.inputs.items()
    )


def _copied(start: StepView) -> dict[str, Features]:
    return {
        modality: Features(features.values.clone(), None if features.mask is None else features.mask.clone())
        for modality, features in start.inputs.items()
    }


def _first_reason(error: BaseException) -> str:
    """Return the first line of the error that came first; ending a broken recording raises another one."""
    while error.__context__ is not None:
        error = error.__context__
    return first_line(error)
