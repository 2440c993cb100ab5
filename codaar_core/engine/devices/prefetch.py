"""Reads the next batches in a background thread while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def read_ahead(read: Callable[[Key], Value], keys: Iterable[Key], ahead: int) -> Iterator[tuple[Key, Value]]:
    """Yield each key with ``read(key)``, in order, while one thread reads up to ``ahead`` keys further.

    An exception of ``read`` is raised when its key is due, after all earlier keys were yielded.

    Args:
        read: Reads one key.
        keys: Keys in reading order.
        ahead: Number of keys to read in advance; with 0 no thread is started. Use 0 on a CPU, where torch's threads
            in the reader would compete for the cores with the computation.
    """
    if not ahead:
        yield from ((key, read(key)) for key in keys)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="codaar-reader") as reader:
        pending: deque[tuple[Key, Future[Value]]] = deque()
        try:
            for key in keys:
                pending.append((key, reader.submit(read, key)))
                if len(pending) > ahead:
                    yield _next_result(pending)
            while pending:
                yield _next_result(pending)
        finally:  # a caller that stops early waits for the key being read only
            reader.shutdown(cancel_futures=True)


def _next_result(pending: deque[tuple[Key, Future[Value]]]) -> tuple[Key, Value]:
    key, future = pending.popleft()
    return key, future.result()
