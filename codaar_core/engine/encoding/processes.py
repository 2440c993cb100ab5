"""Divides parts among processes on one machine; one that fails or is killed ends all, and finished parts are kept."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from codaar_core.api import CodaarError, DataError

POLL = 0.1  # seconds between two looks at the workers
KEPT = "clips encoded so far are kept, and the same command continues from there"

Report = Callable[[int], None]
Work = Callable[[int, Any, Report], None]  # of the number of the worker, its share and what reports clips done


def in_processes(work: Work, shares: Sequence[Any], progress: Callable[[int], None]) -> None:
    """Do each share in a process of its own.

    Args:
        work: Called as ``work(number, share, report)`` in each process; a function of a module, so that a new process
            can import it. ``report`` takes the number of clips that this process has done.
        shares: What each process does; must be picklable.
        progress: Called with the number of clips that all processes have done.

    Raises:
        CodaarError: A process failed; with its message. Or a process was killed.
    """
    context = multiprocessing.get_context("spawn")
    done = context.Array("q", len(shares), lock=False)  # each writes its own number, so nobody waits for a killed one
    pipes = [context.Pipe(duplex=False) for _ in shares]
    workers = [
        context.Process(target=_main, args=(work, number, share, done, pipe[1]), daemon=True)
        for number, (share, pipe) in enumerate(zip(shares, pipes, strict=True))
    ]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            _refuse_failed(workers, [pipe[0] for pipe in pipes])
            progress(sum(done))
            time.sleep(POLL)
        _refuse_failed(workers, [pipe[0] for pipe in pipes])
        progress(sum(done))
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.kill()
                worker.join()


def _refuse_failed(workers: Sequence[Any], failures: Sequence[Connection]) -> None:
    for number, (worker, failure) in enumerate(zip(workers, failures, strict=True), 1):
        if failure.poll():
            is_data, message, help = failure.recv()
            raise (DataError if is_data else CodaarError)(message, help)
        if worker.exitcode:
            raise CodaarError(f"process {number} of {len(workers)} {_ended_by(worker.exitcode)}", KEPT)


def _ended_by(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}; a script that starts processes needs `if __name__ == '__main__':`"


def _main(work: Work, number: int, share: Any, done: Any, failure: Connection) -> None:
    """Main function of a process."""
    parent = multiprocessing.parent_process()

    def report(clips: int) -> None:
        done[number] = clips
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)  # nobody waits for the file any more

    try:
        work(number, share, report)
    except CodaarError as error:
        failure.send((isinstance(error, DataError), error.message, error.help))
    except Exception as error:
        failure.send((False, f"process {number + 1} failed: {error!r}", KEPT))
