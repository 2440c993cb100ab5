"""The mean of all processes' gradients, exchanged while the backward pass still computes others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codaar_core.api import CodaarError
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks, SumsBeside

BUCKET_BYTES = 25 * 2**20  # large enough for the full rate of a link, small beside the 0.3 GB of the paper's model


class GradientAverage:
    """Replaces gradients by their means over all ranks, i.e. by the gradient of the ranks' mean loss.

    Gradients are sent in buckets: a bucket as soon as all its gradients are there, but after the buckets before it, so
    that all ranks send the same buckets in the same order. The last one is sent after the backward pass, with the
    step's logged values and counts. Which parameters are in buckets follows from the step before: those that got their
    gradient on all ranks, the last parameter of the model first, because the backward pass begins there. In the first
    step all are sent after the backward pass. The gradient of a rank that has none counts as zero; where no rank has
    one, there is none.

    With one process nothing is registered or sent. All ranks must make the object at the same time.

    Args:
        model: Its parameters are the same ones on all ranks.
        ranks: The processes of the run.
    """

    def __init__(self, model: nn.Module, ranks: RunRanks) -> None:
        named = list(model.named_parameters())[::-1]
        self._names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        self._early: list[list[int]] = []  # buckets that are sent during the backward pass, by numbers of parameters
        self._several = _SeveralRanks(ranks) if isinstance(ranks, DistributedRanks) and ranks.size > 1 else None
        self._open = False
        self._begin()
        for number, parameter in enumerate(self._parameters if self._several else ()):
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(partial(self._ready, number))

    @contextmanager
    def sent_when_ready(self) -> Iterator[None]:
        """Send gradients while the block runs; it is the last backward pass before ``finish``.

        Raises:
            CodaarError: A gradient changes after it was sent.
        """
        self._begin()
        self._open = self._several is not None
        try:
            yield
        finally:
            self._open = False

    def finish(
        self,
        values: Mapping[str, Tensor],
        counts: Mapping[str, Tensor] = MappingProxyType({}),
        signal: int = 0,
    ) -> StepOfAllRanks:
        """Send what is left, wait for all exchanges, and replace the gradients; call it after the backward pass.

        Args:
            values: Scalars that are averaged in the last exchange.
            counts: Tensors that are added up in the same exchange.
            signal: Number of a signal that this process received, or 0.
        """
        scalars = torch.stack([value.detach() for value in values.values()])
        if self._several is not None:
            beside = torch.cat([scalars, *(each.flatten().to(scalars.dtype) for each in counts.values())])
            beside, signal = self._finish(self._several, beside, signal)
            scalars, *sums = beside.split([len(scalars), *(each.numel() for each in counts.values())])
            scalars = scalars / self._several.size
            counts = {n: own.view_as(each).to(each.dtype) for (n, each), own in zip(counts.items(), sums, strict=True)}
        return StepOfAllRanks(dict(zip(values, scalars.unbind(), strict=True)), dict(counts), signal)

    def _begin(self) -> None:
        self._sent: list[_Sent] = []
        self._times = [0] * len(self._parameters)  # that a parameter's gradient became ready
        self._awaited = [set(bucket) for bucket in self._early]
        self._bucket_of = {number: place for place, bucket in enumerate(self._early) for number in bucket}

    def _ready(self, number: int, parameter: Tensor) -> None:
        """Note that a gradient is there, and send the buckets that are complete now."""
        if not self._open:
            return
        self._times[number] += 1
        place = self._bucket_of.get(number)
        if place is None:
            return
        if place < len(self._sent):
            raise CodaarError(
                f"the gradient of {self._names[number]} changed after it had been sent to the other processes",
                "each parameter must get its whole gradient at once: use torch.utils.checkpoint with "
                "use_reentrant=False, and call no backward() inside the backward pass",
            )
        self._awaited[place].discard(number)
        while len(self._sent) < len(self._early) and not self._awaited[len(self._sent)]:
            self._send(self._early[len(self._sent)])

    def _send(self, bucket: Sequence[int], beside: Tensor | None = None) -> None:
        assert self._several is not None
        self._sent.append(self._several.send([self._parameters[number] for number in bucket], beside))

    def _finish(self, several: _SeveralRanks, beside: Tensor, signal: int) -> tuple[Tensor, int]:
        """Return the sums of the numbers that are sent beside gradients, and the highest signal."""
        for bucket in self._early[len(self._sent) :]:
            self._send(bucket)
        has_gradient, ready, signal = several.agree(
            [each.grad is not None for each in self._parameters], self._times, signal
        )
        left = [number for number in has_gradient if number not in self._bucket_of]
        left.sort(key=lambda number: number not in ready)  # then buckets of the first step are those of the next ones
        *buckets, last = self._divided(left) or [[]]
        for bucket in buckets:
            self._send(bucket)
        self._send(last, beside)
        averaged: set[Tensor] = {self._parameters[number] for number in has_gradient}
        *_, sums = (each.receive(several.size, averaged) for each in self._sent)
        self._early = self._divided([number for number in has_gradient if number in ready])[:-1]
        self._begin()
        return sums.to(beside.dtype), signal

    def _divided(self, numbers: Sequence[int]) -> list[list[int]]:
        """Divide parameters into buckets of one type and device, each closed as soon as it is large enough."""
        closed: list[list[int]] = []
        filling: dict[tuple[torch.dtype, torch.device], list[int]] = {}
        sizes: dict[tuple[torch.dtype, torch.device], int] = {}  # in bytes
        for number in numbers:
            parameter = self._parameters[number]
            kind = (parameter.dtype, parameter.device)
            filling.setdefault(kind, []).append(number)
            sizes[kind] = sizes.get(kind, 0) + parameter.nbytes
            if sizes[kind] >= BUCKET_BYTES:
                closed.append(filling.pop(kind))
                del sizes[kind]
        return [*closed, *filling.values()]


class StepOfAllRanks(NamedTuple):
    """What all ranks know after the exchanges of a step.

    Attributes:
        values: Means of the ranks' scalars, on the device.
        counts: Sums of the ranks' counts, on the device.
        signal: The highest number of a signal that any rank had received, or 0.
    """

    values: dict[str, Tensor]
    counts: dict[str, Tensor]
    signal: int


class _Sent(NamedTuple):
    """A bucket that is being added up."""

    parameters: list[Tensor]
    flat: Tensor
    wait: Callable[[], None]

    def receive(self, ranks: int, averaged: set[Tensor]) -> Tensor:
        """Wait for the sums, set the gradients of parameters in ``averaged``, and return the sums of what is beside."""
        self.wait()
        sizes = [each.numel() for each in self.parameters]
        beside, gradients = self.flat.split([len(self.flat) - sum(sizes), sum(sizes)])
        parts = gradients.div_(ranks).split(sizes)
        chosen = [(each, part) for each, part in zip(self.parameters, parts, strict=True) if each in averaged]
        for parameter, _ in chosen:
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        means = [part.view(parameter.shape) for parameter, part in chosen]
        if means:
            torch._foreach_copy_([parameter.grad for parameter, _ in chosen if parameter.grad is not None], means)
        return beside


class _SeveralRanks:
    """What gradients need of the ranks of a run."""

    def __init__(self, ranks: DistributedRanks) -> None:
        self.size = ranks.size
        self._ranks = ranks
        self._sums = SumsBeside(ranks)

    def send(self, parameters: list[Tensor], beside: Tensor | None) -> _Sent:
        """Start to add up gradients of one type, preceded by other numbers."""
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        kind = gradients[0].dtype if gradients or beside is None else beside.dtype
        first = [] if beside is None else [beside.to(kind)]
        flat = torch.cat([*first, *(each.flatten() for each in gradients)])
        return _Sent(parameters, flat, self._sums.start(flat))

    def agree(self, has_gradient: Sequence[bool], times: Sequence[int], signal: int) -> tuple[list[int], set[int], int]:
        """Return which parameters have a gradient on any rank, which got theirs at once on every rank, and a signal.

        Exchanged between the hosts, so it does not synchronise with the device.
        """
        signals = [0] * self.size
        signals[self._ranks.rank] = signal
        numbers = torch.tensor([*has_gradient, *(each == 1 for each in times), *signals], dtype=torch.int32)
        self._ranks.all_reduce([numbers])
        any_rank, every_rank, of_ranks = numbers.split([len(has_gradient), len(times), self.size])
        return (
            [number for number, ranks in enumerate(any_rank.tolist()) if ranks],
            {number for number, ranks in enumerate(every_rank.tolist()) if ranks == self.size},
            max(of_ranks.tolist()),
        )
