"""SIGINT (Ctrl-C) and a scheduler's SIGTERM, handled between two steps so that no state is half-updated."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, TypeAlias

from codaar_core.api import CodaarError
from codaar_core.engine.devices.lost_processes import RankLost

ECHO = 1.0  # seconds; torchrun and schedulers send a process that already got the signal the same signal again

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class Interrupted(CodaarError):
    """A signal ended the run; everything up to that step is on disk.

    Args:
        message: What was interrupted.
        help: How to continue.
        by: Number of the signal.
    """

    exit_code = 128 + signal.SIGINT

    def __init__(self, message: str, help: str = "", by: int = signal.SIGINT) -> None:
        super().__init__(message, help)
        self.exit_code = 128 + by


class StoppedAtOnce(KeyboardInterrupt):
    """A signal ended the run immediately; the last checkpoint is on disk.

    Args:
        by: Number of the signal.
        message: What happened.
    """

    def __init__(self, by: int, message: str = "stopped at once by a second signal") -> None:
        super().__init__(message)
        self.exit_code = 128 + by


class Interruption:
    """Signal handler: the first signal requests a stop, one more than ``ECHO`` seconds later stops immediately.

    Attributes:
        by: Number of the first signal; 0 while there is none.
    """

    def __init__(self) -> None:
        self.by = 0
        self._received_at = 0.0
        self._previous_handlers: dict[int, Handler] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            signals = (signal.SIGINT, signal.SIGTERM)
            self._previous_handlers = {number: signal.signal(number, self._handle) for number in signals}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.by:
            self.by, self._received_at = number, now
        elif now - self._received_at > ECHO:
            raise StoppedAtOnce(number)

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Report a signal as itself where it also ended another process, which was not yet ready to stop by itself.

        Raises:
            StoppedAtOnce: Another process is lost, and this one has received a signal.
        """
        try:
            yield
        except RankLost as lost:
            if not self.by:
                raise
            raise StoppedAtOnce(self.by, f"stopped by a signal; {lost.message}") from lost

    def check(self, where: str, help: str) -> None:
        """Raise ``Interrupted`` if a signal was received.

        Args:
            where: Completes the message "interrupted ...".
            help: How to continue.

        Raises:
            Interrupted: A signal was received.
        """
        if self.by:
            raise Interrupted(f"interrupted {where}", help, self.by)
