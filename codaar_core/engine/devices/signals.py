"""Ctrl-C and a scheduler's SIGTERM, honoured between two steps so that no state is half-updated."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

from codaar_core.api import CodaarError

ECHO = 1.0  # seconds within which a signal says nothing new: torchrun and schedulers pass on what all have got already


class Interrupted(CodaarError):
    """The user or a scheduler ended the run; what was reached is on disk.

    Args:
        message: What was interrupted.
        help: How to go on.
        by: The signal that came in.
    """

    exit_code = 128 + signal.SIGINT

    def __init__(self, message: str, help: str = "", by: int = signal.SIGINT) -> None:
        super().__init__(message, help)
        self.exit_code = 128 + by


class StoppedAtOnce(KeyboardInterrupt):
    """A second signal came in; the last checkpoint is on disk.

    Args:
        by: The signal.
    """

    def __init__(self, by: int) -> None:
        super().__init__("stopped at once by a second signal")
        self.exit_code = 128 + by


class Interruption:
    """While active, the first signal asks for a stop, and one that comes later than its echo stops at once."""

    def __init__(self) -> None:
        self.by = 0  # the signal that asked for it, none yet
        self._since = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._note) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.by:
            self.by, self._since = number, now
        elif now - self._since > ECHO:
            raise StoppedAtOnce(number)

    def check(self, where: str, help: str) -> None:
        """Stop here if asked to.

        Raises:
            Interrupted: A signal came in.
        """
        if self.by:
            raise Interrupted(f"interrupted {where}", help, self.by)
