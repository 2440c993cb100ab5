"""Output to a pipe whose reader has gone, e.g. ``codaar run ... | head -1``: discarded, while the command goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class PipeTolerantStream:
    """A stream that discards everything once nobody reads it any more.

    Args:
        stream: Standard output or standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, content: str) -> int:
        """Write to the stream, or discard."""
        try:
            return self._stream.write(content)
        except BrokenPipeError:
            self._discard()
            return len(content)

    def flush(self) -> None:
        """Flush the stream, or discard what it holds."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._discard()

    def _discard(self) -> None:
        """Point the file descriptor at the null device, so that what is buffered, and all that follows, is accepted."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)


@contextmanager
def tolerate_broken_pipes() -> Iterator[None]:
    """Inside the context, a reader of the output that ends does not end the command."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(PipeTolerantStream, before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
