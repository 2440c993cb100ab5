"""Lines about a long task for output that is not a terminal: one after every minute without another line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

INTERVAL = 55.0  # seconds: less than a minute, because the machine may be busy


class PeriodicLines:
    """Says how far a task is and how long it will take, from a thread of its own: a single step may take minutes.

    Args:
        say: Prints a line.
        clock: Gives seconds.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._last_line = self._last_change = clock()
        self.begin("", "", 0)

    def start(self) -> None:
        """Start the thread, which does not keep the process alive."""
        threading.Thread(target=self._watch, name="periodic lines", daemon=True).start()

    def stop(self) -> None:
        """Print no more lines."""
        self._stopped.set()

    def begin(self, name: str, unit: str, total: int, done: int = 0) -> None:
        """Begin a task of ``total`` units, e.g. steps, of which ``done`` were done by an earlier process."""
        with self._lock:
            self._name, self._unit, self._total, self._done, self._first = name, unit, total, done, done
            self._began = self._last_change = self._clock()

    def advance(self, done: int) -> None:
        """Note how many units are done."""
        with self._lock:
            self._done, self._last_change = done, self._clock()

    def advance_by_one(self) -> None:
        """Note that one more unit is done."""
        self.advance(self._done + 1)

    def another_line(self) -> None:
        """Note that another line was printed."""
        self._last_line = self._clock()

    def speak_if_due(self) -> float:
        """Print a line if none was printed for the interval; returns the seconds until the next one is due."""
        now = self._clock()
        if now - self._last_line >= INTERVAL:
            self._last_line = now
            self._say(self._line(now))
        return self._last_line + INTERVAL - now

    def _watch(self) -> None:
        while not self._stopped.wait(self.speak_if_due()):
            pass

    def _line(self, now: float) -> str:
        with self._lock:
            quiet = now - self._last_change
            if self._done >= self._total:
                return f"preparing the next phase, for {duration(quiet)} so far"
            parts = [f"{self._name}  {self._done}/{self._total} {self._unit}"]
            made = self._done - self._first
            left = (self._last_change - self._began) / made * (self._total - self._done) - quiet if made > 0 else 0
            if left > 0:
                parts.append(f"about {duration(left)} left")
            if left <= 0 or quiet >= INTERVAL / 2:
                parts.append(f"no further one for {duration(quiet)}")
            return "  ".join(parts)


def duration(seconds: float) -> str:
    """A time in words: seconds below two minutes, minutes below two hours, then hours and minutes."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
