"""Ctrl-C and a scheduler's SIGTERM, honoured between two steps so that no state is half-updated."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from codaar_core.api import CodaarError


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


class Interruption:
    """While active, the first signal asks for a stop and the second one stops at once."""

    def __init__(self) -> None:
        self.requested = False
        self.by: int = signal.SIGINT
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._note) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested, self.by = True, number

    def check(self, where: str, help: str) -> None:
        """Stop here if asked to.

        Raises:
            Interrupted: A signal came in.
        """
        if self.requested:
            raise Interrupted(f"interrupted {where}", help, self.by)
