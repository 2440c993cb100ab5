"""Calls of a network that are shared by the inputs of several recordings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from codaar_core.api.errors import DataError

Source = TypeVar("Source")


def step_means(
    sources: Sequence[Source],
    read: Callable[[Source], Iterable[tuple[int, Tensor]]],
    compute: Callable[[Tensor], Tensor],
    batch: int,
) -> Iterator[Tensor | DataError]:
    """Give for each source, in order, (T, *shape): the mean of what a network makes of the inputs of each step.

    Results are those of one source at a time up to the rounding of other batch sizes. At most ``batch`` inputs are in
    memory, and the outputs of one step of each source that is not finished.

    Args:
        sources: What is read, e.g. paths.
        read: Gives the inputs of a source: the number of the step, ascending from 0 without gaps, and the tensor.
        compute: Turns inputs (N, ...), possibly of several sources, into outputs (N, *shape).
        batch: Largest N.

    Returns:
        In place of the features of a source the ``DataError`` that ``read`` raised for it.
    """
    unfinished: deque[_Steps] = deque()
    inputs: list[tuple[_Steps, int, Tensor]] = []
    for source in sources:
        steps = _Steps()
        unfinished.append(steps)
        try:
            for step, value in read(source):
                if inputs and (len(inputs) == batch or value.shape != inputs[0][2].shape):
                    _flush(inputs, compute)
                steps.waiting += 1
                inputs.append((steps, step, value))
        except DataError as error:
            steps.error = error
        steps.is_read = True
        yield from _finished(unfinished)
    if inputs:
        _flush(inputs, compute)
    yield from _finished(unfinished)


class _Steps:
    """What is known of the features of one source."""

    def __init__(self) -> None:
        self.error: DataError | None = None
        self.is_read = False
        self.waiting = 0  # inputs without output
        self.step = 0
        self.outputs: list[Tensor] = []  # of this step
        self.means: list[Tensor] = []

    def add(self, step: int, output: Tensor) -> None:
        if step != self.step:
            self._close()
            self.step = step
        self.outputs.append(output)
        self.waiting -= 1

    def result(self) -> Tensor | DataError:
        if self.error is not None:
            return self.error
        self._close()
        return torch.stack(self.means)

    def _close(self) -> None:
        self.means.append(torch.stack(self.outputs).mean(0))
        self.outputs = []


def _flush(inputs: list[tuple[_Steps, int, Tensor]], compute: Callable[[Tensor], Tensor]) -> None:
    outputs = compute(torch.stack([value for _, _, value in inputs]))
    for (steps, step, _), output in zip(inputs, outputs, strict=True):
        steps.add(step, output)
    inputs.clear()


def _finished(unfinished: deque[_Steps]) -> Iterator[Tensor | DataError]:
    while unfinished and unfinished[0].is_read and (unfinished[0].error or not unfinished[0].waiting):
        yield unfinished.popleft().result()
