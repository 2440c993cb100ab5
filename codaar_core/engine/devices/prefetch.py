"""Clips are read while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Read = TypeVar("Read")


def read_ahead(read: Callable[[Key], Read], places: Iterable[Key], ahead: int) -> Iterator[tuple[Key, Read]]:
    """Each place with what is read there, in order, while one thread reads up to ``ahead`` places further.

    What ``read`` raises is raised where its turn has come: what lies before it is given first. With nothing ahead
    there is no thread: on a CPU, its own pool of threads would fight for the cores with the one that computes.
    """
    if not ahead:
        yield from ((place, read(place)) for place in places)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="codaar-reader") as reader:
        waiting: deque[tuple[Key, Future[Read]]] = deque()
        try:
            for place in places:
                waiting.append((place, reader.submit(read, place)))
                if len(waiting) > ahead:
                    yield _first(waiting)
            while waiting:
                yield _first(waiting)
        finally:  # whoever asks no more, waits for no more than the place that is being read
            reader.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[Key, Future[Read]]]) -> tuple[Key, Read]:
    place, reading = waiting.popleft()
    return place, reading.result()
