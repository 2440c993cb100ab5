"""The processes of one run: how they start, meet, speak to each other and end together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor

from codaar_core.api import CodaarError
from codaar_core.api.ranks import SingleProcess
from codaar_core.recipe import Plan, load

HOST = "127.0.0.1"
RANK_TIMEOUT = timedelta(hours=2)  # the longest that one rank may be behind another, e.g. reading its data
SHUTDOWN_TIMEOUT = 10.0  # seconds that the other processes have to end by themselves


class RankLost(CodaarError):
    """A process of the run cannot reach the others any more."""


class DistributedRanks:
    """The ranks of a run of several processes, over torch.distributed.

    Args:
        local: Number among the ranks of this machine.
        fate: Says why the others cannot be reached, once they cannot.
    """

    def __init__(self, local: int, fate: Callable[[], str] = lambda: "another process of the run has ended") -> None:
        self.local = local
        self.fate = fate
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks; its gradient is the sum of the ranks' gradients."""
        return _Sum.apply(value, self)

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors joined on the first axis: the sum of tensors that are zero but for the own part."""
        lengths = self.lengths(len(value))
        own = value.to(torch.uint8) if value.dtype == torch.bool else value
        before, after = sum(lengths[: self.rank]), sum(lengths[self.rank + 1 :])
        shape = own.shape[1:]
        joined = self.sum(torch.cat([own.new_zeros(before, *shape), own, own.new_zeros(after, *shape)]))
        return joined.to(value.dtype)

    def lengths(self, own: int) -> list[int]:
        """Every rank's number, by way of the host: no device is waited for."""
        numbers = torch.zeros(self.size, dtype=torch.int64)
        numbers[self.rank] = own
        self.add_up([numbers])
        return numbers.tolist()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks."""
        with self._exchange():
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                work.wait()

    def collect(self, own: dict[str, Any]) -> dict[str, Any]:
        """What all ranks have, under different keys; picklable, on the host."""
        parts: list[dict[str, Any]] = [{}] * self.size
        with self._exchange():
            dist.all_gather_object(parts, own)
        return {key: value for part in parts for key, value in part.items()}

    def from_first(self, words: str | None) -> str:
        """What rank zero says; the others bring None."""
        said = [words]
        with self._exchange():
            dist.broadcast_object_list(said)
        return str(said[0])

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # what a collective raises when a rank is gone
            raise RankLost(self.fate(), "`--resume auto` goes on from the last checkpoint") from error


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: Tensor, ranks: DistributedRanks) -> Tensor:
        context.ranks = ranks
        total = value.clone(memory_format=torch.contiguous_format)
        ranks.add_up([total])
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(gradient, context.ranks), None


@contextmanager
def joined(
    plan: Plan, run_worker_rank: Callable[..., Any], *arguments: Any
) -> Iterator[SingleProcess | DistributedRanks]:
    """Meet the other processes of the run: those of torchrun where it started this one, else those started here.

    Args:
        plan: Says how many.
        run_worker_rank: What a process that is started here does: ``run_worker_rank(plan, ranks, *arguments)``.
        arguments: Must be picklable.

    Raises:
        CodaarError: Another process failed; the message is its own.
    """
    backend = _backend(plan.device.on)
    if dist.is_torchelastic_launched():
        with _group(backend):
            yield DistributedRanks(int(os.environ["LOCAL_RANK"]))
    elif plan.device.processes == 1:
        yield SingleProcess()
    else:
        with (
            _worker_processes(plan, run_worker_rank, arguments) as (meeting, fate),
            _group(backend, store=meeting, rank=0, world_size=plan.device.processes),
        ):
            yield DistributedRanks(0, fate)


def is_first() -> bool:
    """Whether this process reports: it was not started by torchrun, or is its rank zero."""
    return not dist.is_torchelastic_launched() or os.environ["RANK"] == "0"


def _backend(on: str) -> str:
    """Numbers of the host travel by gloo, those of a GPU by nccl."""
    return "cpu:gloo,cuda:nccl" if on in ("auto", "cuda") and torch.cuda.is_available() else "gloo"


@contextmanager
def _group(backend: str, **meeting: Any) -> Iterator[None]:
    dist.init_process_group(backend, timeout=RANK_TIMEOUT, **meeting)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _worker_processes(
    plan: Plan, run_worker_rank: Callable[..., Any], arguments: tuple[Any, ...]
) -> Iterator[tuple[dist.Store, Callable[[], str]]]:
    """Start ranks 1, 2, ... on this machine; they end with this process, which is rank 0.

    Gives where they meet, and what says why they ended.
    """
    context = multiprocessing.get_context("spawn")
    complaints = context.SimpleQueue()
    meeting = dist.TCPStore(HOST, 0, plan.device.processes, is_master=True, wait_for_workers=False)
    with TemporaryDirectory() as folder:
        recipe = Path(folder) / "resolved.toml"  # what a plan was loaded from may stand for other plans too
        recipe.write_text(tomli_w.dumps(plan.resolved), "utf-8")
        others = [
            context.Process(
                target=_worker_main,
                args=(rank, meeting.port, recipe, run_worker_rank, arguments, complaints),
                daemon=True,
            )
            for rank in range(1, plan.device.processes)
        ]
        for other in others:
            other.start()
        try:
            _await(others, meeting)
            yield meeting, partial(_why_ended, others, complaints)
        finally:
            _wait_for(others)


def _why_ended(others: Sequence[Any], complaints: Any) -> str:
    """What the first of the others complained of, or the signal that ended one of them."""
    codes = _wait_for(others)
    if not complaints.empty():
        return complaints.get()
    signals = {rank: signal.Signals(-code).name for rank, code in enumerate(codes, 1) if code is not None and code < 0}
    ended = [f"process {rank} of the run was ended by {name}" for rank, name in signals.items()]
    return ended[0] if ended else "another process of the run has ended"


def _await(others: Sequence[Any], meeting: dist.Store) -> None:
    """Wait until all are there; one that cannot start would be waited for in vain."""
    while not meeting.check([f"here/{rank}" for rank in range(1, len(others) + 1)]):
        if not all(other.is_alive() for other in others):
            raise RuntimeError(
                "a process of the run ended before it began: a script needs `if __name__ == '__main__':`"
            )
        time.sleep(0.05)


def _wait_for(others: Sequence[Any]) -> list[int | None]:
    """Let the others end by themselves, for a while; gives their exit codes, None for those that did not."""
    until = time.monotonic() + SHUTDOWN_TIMEOUT
    for other in others:
        other.join(max(0.0, until - time.monotonic()))
    codes = [other.exitcode for other in others]
    for other in others:
        other.kill()
    return codes


def _worker_main(
    rank: int, port: int, recipe: Path, run_worker_rank: Callable[..., Any], arguments: Any, complaints: Any
) -> None:
    """The life of a process that was started here."""
    try:
        plan = load(recipe)
        meeting = dist.TCPStore(HOST, port, plan.device.processes, is_master=False)
        meeting.set(f"here/{rank}", "yes")
        with _group(_backend(plan.device.on), store=meeting, rank=rank, world_size=plan.device.processes):
            run_worker_rank(plan, DistributedRanks(rank), *arguments)
    except (RankLost, KeyboardInterrupt):  # another process has its reasons, and tells them
        raise SystemExit(1) from None
    except Exception as error:
        complaints.put(f"process {rank} of the run failed: {getattr(error, 'message', None) or repr(error)}")
        raise SystemExit(1) from None
