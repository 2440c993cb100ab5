"""Ends a process that would wait for another process of its run which no longer exists."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from threading import Thread, get_ident
from typing import Any

from codaar_core.api import CodaarError

GRACE = 30.0  # seconds in which a process should notice by itself that another one has ended
HELP = "`--resume auto` continues from the last checkpoint"


class RankLost(CodaarError):
    """This process can no longer reach the other ranks of the run."""


@contextmanager
def watch_processes(processes: Sequence[Any], describe: Callable[[], str]) -> Iterator[None]:
    """Watch the other processes of a run while the block runs, in a thread.

    An exchange over gloo fails as soon as a process has ended. Over NCCL the host waits for the device, for as long as
    ``RANK_TIMEOUT``, and learns nothing. Therefore, ``GRACE`` seconds after one has ended with a failure, ``RankLost``
    is raised in the thread that entered the block; if that thread does not react either, because it waits outside
    Python, this process is ended with exit code 1 after ``GRACE`` seconds more.

    Args:
        processes: Objects with a ``sentinel`` and, if they are children of this process, an ``exitcode``.
        describe: Returns why one of them ended.
    """
    stopped, stop = multiprocessing.Pipe(duplex=False)
    watcher = Thread(target=_watch, args=(processes, describe, stopped, get_ident()), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.send(None)


@contextmanager
def watch_parent() -> Iterator[None]:
    """Watch the process that started this one; see ``watch_processes``."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "called in a started process"
    with watch_processes([parent], lambda: "the first process of the run has ended"):
        yield


def _watch(processes: Sequence[Any], describe: Callable[[], str], stopped: Connection, thread: int) -> None:
    """Wait for the end of a process, and see to it that this one ends too."""
    watched = {process.sentinel: process for process in processes}
    while watched:
        ended = wait([stopped, *watched])
        if stopped in ended or stopped.poll(GRACE):
            return
        if any(_failed(watched.pop(sentinel)) for sentinel in ended):
            message = describe()
            if not stopped.poll():
                _raise_in(thread, message)
            if not stopped.poll(GRACE):
                print(f"error: {message}\n  help: {HELP}", file=sys.stderr, flush=True)
                os._exit(1)
            return


def _failed(process: Any) -> bool:
    """Whether a process that has ended was a parent, or a child that failed."""
    return getattr(process, "exitcode", None) != 0


def _raise_in(thread: int, message: str) -> None:
    """Raise ``RankLost`` in a thread, at its next instruction of Python."""

    class Lost(RankLost):
        """Is made without arguments."""

        def __init__(self) -> None:
            super().__init__(message, HELP)

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Lost))
