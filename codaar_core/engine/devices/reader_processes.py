"""Reads and decodes clips in processes of their own, in the order in which they are wanted.

A pool of ``concurrent.futures`` serves all splits of a run, and tensors come back through shared memory. What reads a
split is pickled to a file once, and each process opens its own files. torch's DataLoader would start its processes
anew for each split, and raise a RuntimeError anywhere in the run when one of them is killed.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import multiprocessing

from codaar_core.api import CodaarError
from codaar_core.registry.local import load_file

Key = TypeVar("Key")
Value = TypeVar("Value")

SHARED = Path("/dev/shm")
TORCH_FILE = "</torch_"  # in torch's messages about a piece of shared memory, which is a file there
IN_FLIGHT = 2  # batches for each process that are read or wait: one of each, as in torch's DataLoader
WITHOUT = "data.workers = 0 reads in the process of the run"


class ReadersLost(CodaarError):
    """A process that reads clips has ended, or its results cannot be sent."""


class ReaderProcesses:
    """Processes that read clips. They start when they are first needed, and end with the context or with this process.

    Signals of the terminal and of a scheduler are left to the process of the run, which asks for no more clips then.

    Args:
        count: Their number.
        plugins: Python files of local components, which the processes import.
    """

    def __init__(self, count: int, plugins: Sequence[Path | str] = ()) -> None:
        self.count = count
        self.plugins = tuple(map(str, plugins))
        self._pool: ProcessPoolExecutor | None = None
        self._stop: Connection | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self._served = False

    def __enter__(self) -> ReaderProcesses:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._end_at_once()
        if self._folder is not None:
            self._folder.cleanup()
        self._pool = self._folder = None

    def submit(self, read: Callable[[Key], Value], keys: Iterable[Key]) -> Iterator[tuple[Key, Future[Value]]]:
        """Yield each key with the future of ``read(key)``, in order; the keys after it are being read meanwhile.

        Args:
            read: Reads one key; is pickled.
            keys: Keys in reading order; are pickled.

        Raises:
            CodaarError: ``read`` cannot be pickled.
        """
        pool, file = self._started(), self._sent(read)
        pending: deque[tuple[Key, Future[Value]]] = deque()
        for key in keys:
            pending.append((key, self._submitted(pool, file, key)))
            if len(pending) > IN_FLIGHT * self.count:
                yield pending.popleft()
        yield from pending

    def result(self, future: Future[Value]) -> Value:
        """Wait for a value.

        Raises:
            ReadersLost: A process was ended, or shared memory is short.
            Exception: What ``read`` raised.
        """
        try:
            value = future.result()
        except BrokenProcessPool as error:
            raise self._lost() from error
        except RuntimeError as error:
            if TORCH_FILE in str(error):
                raise ReadersLost(
                    f"a process that reads clips cannot send them: {_one_line(error)}{_room()}",
                    f"enlarge {SHARED} (docker run --shm-size=8g), or lower data.workers or data.batch; {WITHOUT}",
                ) from error
            raise
        self._served = True
        return value

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            stopped, self._stop = context.Pipe(duplex=False)
            self._folder = TemporaryDirectory(prefix="codaar-readers-")
            self._pool = ProcessPoolExecutor(self.count, context, _begin, (self.plugins, stopped))
        return self._pool

    def _sent(self, read: Callable[[Key], Value]) -> str:
        """Write what reads to a file, named by its content: the same one for all epochs."""
        try:
            content = pickle.dumps(read)
        except Exception as error:  # of foreign classes
            raise CodaarError(
                f"these clips cannot be read in other processes: {type(error).__name__}: {_one_line(error)}",
                f"make the split picklable; {WITHOUT}",
            ) from error
        assert self._folder is not None
        path = Path(self._folder.name, sha256(content).hexdigest())
        if not path.exists():
            path.write_bytes(content)
        return str(path)

    def _submitted(self, pool: ProcessPoolExecutor, file: str, key: Any) -> Future[Any]:
        try:
            return pool.submit(_read, file, key)
        except BrokenProcessPool as error:
            raise self._lost() from error

    def _lost(self) -> ReadersLost:
        self._end_at_once()
        if not self._served:
            return ReadersLost(
                "a process that reads clips ended before it began; its own message is above",
                f"a script needs `if __name__ == '__main__':`; {WITHOUT}",
            )
        return ReadersLost(
            f"a process that reads clips was ended, perhaps because memory is short{_room()}",
            f"`--resume auto` continues from the last checkpoint; lower data.workers or data.batch; {WITHOUT}",
        )

    def _end_at_once(self) -> None:
        if self._stop is not None:
            self._stop.close()
            self._stop = None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _room() -> str:
    """How much shared memory is free, where there is a file system for it."""
    if not SHARED.is_dir():
        return ""
    return f" ({shutil.disk_usage(SHARED).free / 1e6:,.0f} MB of {SHARED} are free)"


def _begin(plugins: Sequence[str], stopped: Connection) -> None:
    """Prepare a process of the pool."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_run, args=(stopped,), daemon=True).start()
    torch.set_num_threads(1)
    for plugin in plugins:
        load_file(Path(plugin))


def _end_with_run(stopped: Connection) -> None:
    """Wait until the process of the run has ended, or closes its end of the pipe, and end this one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([stopped, parent.sentinel])
    os._exit(1)


def _read(file: str, key: Any) -> Any:
    """Read a key.

    Raises:
        Exception: What the reader raised; one that cannot be sent is replaced by its message.
    """
    try:
        return _reader(file)(key)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        raise


@lru_cache(maxsize=4)
def _reader(file: str) -> Callable[[Any], Any]:
    reader: Callable[[Any], Any] = pickle.loads(Path(file).read_bytes())
    return reader
