"""The processes of one run: how they are started, connected and stopped, and their collective operations."""

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
from typing import Any, TypeAlias

import tomli_w
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor

from codaar_core.api import not_compiled
from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.devices.choice import require_devices
from codaar_core.engine.devices.lost_processes import HELP, RankLost, watch_parent, watch_processes
from codaar_core.recipe import Plan, load

HOST = "127.0.0.1"
RANK_TIMEOUT = timedelta(hours=2)  # longest time that one rank may lag behind another, e.g. while it reads data
SHUTDOWN_TIMEOUT = 10.0  # seconds that worker processes have to exit before they are killed
UNKNOWN_FAILURE = "another process of the run has ended"


class DistributedRanks:
    """The ranks of a run with several processes, connected by torch.distributed.

    Args:
        local_rank: Rank among the processes on this machine.
        describe_failure: Called when a collective fails; returns why the other ranks cannot be reached.
    """

    def __init__(self, local_rank: int, describe_failure: Callable[[], str] = lambda: UNKNOWN_FAILURE) -> None:
        self.local_rank = local_rank
        self.describe_failure = describe_failure
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    @not_compiled
    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all ranks; its gradient is the sum of the ranks' gradients."""
        return _SumOverRanks.apply(value, self)

    @not_compiled
    def gather(self, value: Tensor) -> Tensor:
        """Return all ranks' tensors concatenated on the first axis; their lengths may differ.

        Computed as a differentiable sum of tensors that are zero outside this rank's rows.
        """
        lengths = self.gather_int(len(value))
        rows = value.to(torch.uint8) if value.dtype == torch.bool else value
        before, after = sum(lengths[: self.rank]), sum(lengths[self.rank + 1 :])
        shape = rows.shape[1:]
        total = self.sum(torch.cat([rows.new_zeros(before, *shape), rows, rows.new_zeros(after, *shape)]))
        return total.to(value.dtype)

    def gather_int(self, number: int) -> list[int]:
        """Return every rank's number; exchanged between the hosts, so it does not synchronise with the device."""
        numbers = torch.zeros(self.size, dtype=torch.int64)
        numbers[self.rank] = number
        self.all_reduce([numbers])
        return numbers.tolist()

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor in place by its sum over all ranks."""
        with self.naming_lost_ranks():
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                work.wait()

    def merge(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the union of all ranks' dictionaries, whose keys are disjoint and whose values can be pickled."""
        parts: list[dict[str, Any]] = [{}] * self.size
        with self.naming_lost_ranks():
            dist.all_gather_object(parts, values)
        return {key: value for part in parts for key, value in part.items()}

    def broadcast(self, message: str | None) -> str:
        """Return the message that rank zero passes; the other ranks pass None."""
        messages = [message]
        with self.naming_lost_ranks():
            dist.broadcast_object_list(messages)
        return str(messages[0])

    @contextmanager
    def naming_lost_ranks(self) -> Iterator[None]:
        """Make an exchange of torch.distributed raise ``RankLost`` where another rank is gone."""
        try:
            yield
        except RuntimeError as error:  # raised by a collective when a rank is gone
            raise RankLost(self.describe_failure(), HELP) from error


class SumsBeside:
    """Sums over ranks that are started now and needed later, beside all other exchanges of the run.

    They have a process group of their own. NCCL makes the exchanges of a group one after another: in the same group, a
    small exchange in the middle of the backward pass would wait for the large ones started before it. And each kind
    keeps its own order on all ranks, whatever was started between.

    Args:
        ranks: The ranks of the run; all of them must make the object at the same time.
    """

    def __init__(self, ranks: DistributedRanks) -> None:
        self._ranks = ranks
        self._group = dist.new_group(timeout=RANK_TIMEOUT)

    def start(self, tensor: Tensor) -> Callable[[], None]:
        """Start to replace a tensor in place by its sum over all ranks; all ranks start the same sums in one order.

        Returns:
            A function that waits until the sum is there; call it before the tensor is used.
        """
        with self._ranks.naming_lost_ranks():
            work = dist.all_reduce(tensor, group=self._group, async_op=True)
        return partial(self._wait, work)

    def _wait(self, work: dist.Work) -> None:
        with self._ranks.naming_lost_ranks():
            work.wait()


RunRanks: TypeAlias = SingleProcess | DistributedRanks
"""The ranks of any run."""


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: Tensor, ranks: DistributedRanks) -> Tensor:
        context.ranks = ranks
        total = value.clone(memory_format=torch.contiguous_format)
        ranks.all_reduce([total])
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _SumOverRanks.apply(gradient, context.ranks), None


@contextmanager
def connect_ranks(plan: Plan, run_worker_rank: Callable[..., Any], *arguments: Any) -> Iterator[RunRanks]:
    """Connect this process to the other ranks of the run, and disconnect at the end.

    Under torchrun these are the processes that torchrun started. Otherwise ranks 1, 2, ... are started here and this
    process is rank zero.

    Args:
        plan: Its ``device.processes`` is the number of ranks.
        run_worker_rank: Called in each started process as ``run_worker_rank(plan, ranks, *arguments)``.
        arguments: Must be picklable.

    Raises:
        CodaarError: This machine lacks a device for each process; or another process failed, and the message is that of
            the other process.
    """
    require_devices(plan.device)
    backend = _backend(plan.device.on)
    if dist.is_torchelastic_launched():
        with _process_group(backend):
            yield DistributedRanks(int(os.environ["LOCAL_RANK"]))
    elif plan.device.processes == 1:
        yield SingleProcess()
    else:
        with (
            _worker_processes(plan, run_worker_rank, arguments) as (store, describe_failure),
            _process_group(backend, store=store, rank=0, world_size=plan.device.processes),
        ):
            yield DistributedRanks(0, describe_failure)


def is_first() -> bool:
    """Whether this process reports to the user: it is rank zero of torchrun, or was not started by torchrun."""
    return not dist.is_torchelastic_launched() or os.environ["RANK"] == "0"


def _backend(on: str) -> str:
    """Backend of torch.distributed: gloo for CPU tensors, nccl for CUDA tensors."""
    return "cpu:gloo,cuda:nccl" if on in ("auto", "cuda") and torch.cuda.is_available() else "gloo"


@contextmanager
def _process_group(backend: str, **rendezvous: Any) -> Iterator[None]:
    dist.init_process_group(backend, timeout=RANK_TIMEOUT, **rendezvous)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _worker_processes(
    plan: Plan, run_worker_rank: Callable[..., Any], arguments: tuple[Any, ...]
) -> Iterator[tuple[dist.Store, Callable[[], str]]]:
    """Start ranks 1, 2, ... on this machine; they end with this process, which is rank 0.

    Yields the store at which the ranks meet, and a function that returns why a worker ended.
    """
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    store = dist.TCPStore(HOST, 0, plan.device.processes, is_master=True, wait_for_workers=False)
    with TemporaryDirectory() as folder:
        recipe = Path(folder) / "resolved.toml"  # the source file of a plan may define other plans too, e.g. a sweep
        recipe.write_text(tomli_w.dumps(plan.resolved), "utf-8")
        workers = [
            context.Process(
                target=_worker_main, args=(rank, store.port, recipe, run_worker_rank, arguments, failures)
            )  # no daemons: those may not start processes that read clips
            for rank in range(1, plan.device.processes)
        ]
        try:
            for worker in workers:
                worker.start()
            _wait_until_started(workers, store)
            describe = partial(_describe_failure, workers, failures)
            with watch_processes(workers, describe):
                yield store, describe
        finally:
            _stop([worker for worker in workers if worker.pid is not None])


def _describe_failure(workers: Sequence[Any], failures: Any) -> str:
    """Return the first failure that a worker reported, or the signal that ended one."""
    exit_codes = _stop(workers)
    if not failures.empty():
        return failures.get()
    for rank, code in enumerate(exit_codes, 1):
        if code is not None and code < 0:
            return f"process {rank} of the run was ended by {signal.Signals(-code).name}"
    return UNKNOWN_FAILURE


def _wait_until_started(workers: Sequence[Any], store: dist.Store) -> None:
    """Wait until every worker has connected.

    Raises:
        RuntimeError: A worker ended before it connected.
    """
    while not store.check([f"here/{rank}" for rank in range(1, len(workers) + 1)]):
        if not all(worker.is_alive() for worker in workers):
            raise RuntimeError(
                "a process of the run ended before it began: a script needs `if __name__ == '__main__':`"
            )
        time.sleep(0.05)


def _stop(workers: Sequence[Any]) -> list[int | None]:
    """Wait ``SHUTDOWN_TIMEOUT`` for the workers to exit, then kill the rest.

    Returns:
        Exit codes; None for a worker that had to be killed.
    """
    deadline = time.monotonic() + SHUTDOWN_TIMEOUT
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    exit_codes = [worker.exitcode for worker in workers]
    for worker in workers:
        worker.kill()
    return exit_codes


def _worker_main(
    rank: int, port: int, recipe: Path, run_worker_rank: Callable[..., Any], arguments: Any, failures: Any
) -> None:
    """Main function of a worker process."""
    try:
        plan = load(recipe)
        store = dist.TCPStore(HOST, port, plan.device.processes, is_master=False)
        store.set(f"here/{rank}", "yes")
        with (
            watch_parent(),
            _process_group(_backend(plan.device.on), store=store, rank=rank, world_size=plan.device.processes),
        ):
            run_worker_rank(plan, DistributedRanks(rank), *arguments)
    except (RankLost, KeyboardInterrupt):  # the process that caused this reports it
        raise SystemExit(1) from None
    except Exception as error:
        failures.put(f"process {rank} of the run failed: {getattr(error, 'message', None) or repr(error)}")
        raise SystemExit(1) from None
