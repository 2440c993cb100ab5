"""The mean of all processes' gradients, exchanged while the backward pass still computes others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
    step's logged values. Which parameters are in buckets follows from the step before: those that got their gradient
    on all ranks, the last parameter of the model first, because the backward pass begins there. In the first step
    all are sent after the backward pass. The gradient of a rank that has none counts as zero; where no rank has one,
    there is none.

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

    def finish(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Send what is left, wait for all exchanges, and replace the gradients; call it after the backward pass.

        Args:
            values: Scalars that are averaged in the last exchange.

        Returns:
            The means of the scalars, on the device.
        """
        scalars = torch.stack([value.detach() for value in values.values()])
        if self._several is not None:
            scalars = self._finish(self._several, scalars)
        return dict(zip(values, scalars.unbind(), strict=True))

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

    def _send(self, bucket: Sequence[int], scalars: Tensor | None = None) -> None:
        assert self._several is not None
        self._sent.append(self._several.send([self._parameters[number] for number in bucket], scalars))

    def _finish(self, several: _SeveralRanks, scalars: Tensor) -> Tensor:
        for bucket in self._early[len(self._sent) :]:
            self._send(bucket)
        has_gradient, ready = several.agree([each.grad is not None for each in self._parameters], self._times)
        left = [number for number in has_gradient if number not in self._bucket_of]
        left.sort(key=lambda number: number not in ready)  # then buckets of the first step are those of the next ones
        *buckets, last = self._divided(left) or [[]]
        for bucket in buckets:
            self._send(bucket)
        self._send(last, scalars)
        averaged: set[Tensor] = {self._parameters[number] for number in has_gradient}
        *_, means = (each.receive(several.size, averaged) for each in self._sent)
        self._early = self._divided([number for number in has_gradient if number in ready])[:-1]
        self._begin()
        return means.to(scalars.dtype)

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


class _Sent(NamedTuple):
    """A bucket that is being added up."""

    parameters: list[Tensor]
    flat: Tensor
    wait: Callable[[], None]

    def receive(self, ranks: int, averaged: set[Tensor]) -> Tensor:
        """Wait for the sums, set the gradients of parameters in ``averaged``, and return the means of the scalars."""
        self.wait()
        sizes = [each.numel() for each in self.parameters]
        scalars, *parts = self.flat.div_(ranks).split([len(self.flat) - sum(sizes), *sizes])
        chosen = [(each, part) for each, part in zip(self.parameters, parts, strict=True) if each in averaged]
        for parameter, _ in chosen:
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        gradients = [parameter.grad for parameter, _ in chosen if parameter.grad is not None]
        if gradients:
            torch._foreach_copy_(gradients, [part.view(parameter.shape) for parameter, part in chosen])
        return scalars


class _SeveralRanks:
    """What gradients need of the ranks of a run."""

    def __init__(self, ranks: DistributedRanks) -> None:
        self.size = ranks.size
        self._ranks = ranks
        self._sums = SumsBeside(ranks)

    def send(self, parameters: list[Tensor], scalars: Tensor | None) -> _Sent:
        """Start to add up gradients of one type, preceded by scalars."""
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        kind = gradients[0].dtype if gradients or scalars is None else scalars.dtype
        first = [] if scalars is None else [scalars.to(kind)]
        flat = torch.cat([*first, *(each.flatten() for each in gradients)])
        return _Sent(parameters, flat, self._sums.start(flat))

    def agree(self, has_gradient: Sequence[bool], times: Sequence[int]) -> tuple[list[int], set[int]]:
        """Return which parameters have a gradient on any rank, and which got theirs at once on every rank.

        Exchanged between the hosts, so it does not synchronise with the device.
        """
        counts = torch.tensor([list(has_gradient), [each == 1 for each in times]]).to(torch.int32)
        self._ranks.all_reduce([counts])
        any_rank, every_rank = counts.tolist()
        return (
            [number for number, ranks in enumerate(any_rank) if ranks],
            {number for number, ranks in enumerate(every_rank) if ranks == self.size},
        )
