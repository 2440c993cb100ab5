"""``--locked``: a run that must be made of the same things as an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from codaar_core.api import CodaarError
from codaar_core.engine.record.lock import FORMAT
from codaar_core.engine.record.settings_paths import flattened

COMPARED = ("packages.", "recipe.", "components.", "data.")
"""Parts of a lock that shape the numbers. Python, machine and commit are there to be read."""


class LockMismatch(CodaarError):
    """Something is not what the lock says; carries every difference."""

    exit_code = 3
    code = "drift"

    def __init__(self, differences: list[str], file: Path) -> None:
        count = f"{len(differences)} thing{'s differ' if len(differences) > 1 else ' differs'}"
        super().__init__(
            f"{count} from {file}; nothing was run", "install what the lock names, or run without --locked"
        )
        self.differences = differences

    def __str__(self) -> str:
        listed = "".join(f"\n   |  {each}" for each in self.differences)
        return f"{self.message}{listed}\n   = help: {self.help}"


def read_lock(path: Path | str) -> dict[str, Any]:
    """Read a lock file, or that of a run directory.

    Raises:
        CodaarError: There is none, or it has another format.
    """
    file = _lock_file(Path(path))
    try:
        lock = tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        advice = "give a lock file or a folder like runs/NAME/STAMP"
        raise CodaarError(f"{file} cannot be read: {error}", advice) from error
    if lock.get("format") != FORMAT:
        raise CodaarError(f"{file} has lock format {lock.get('format')!r}, this codaar-core reads format {FORMAT}")
    return lock


def refuse_mismatch(now: Mapping[str, Any], path: Path) -> None:
    """Hold what a run would be made of against a lock.

    Raises:
        LockMismatch: Something differs.
        CodaarError: There is no such lock.
    """
    differences = list(compare(read_lock(path), now))
    if differences:
        raise LockMismatch(differences, _lock_file(path))


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Every difference between two locks, one line each."""
    was, found = _compared(before), _compared(now)
    for path in dict.fromkeys([*was, *found]):
        if was.get(path) != found.get(path):
            yield f"{path}: {shown(was.get(path))} -> {shown(found.get(path))}"


def shown(value: Any) -> str:
    """A value, or the beginning of a hash."""
    if value is None:
        return "nothing"
    return value[: len("sha256:") + 12] if str(value).startswith("sha256:") else str(value)


def _compared(lock: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in flattened(lock) if path.startswith(COMPARED)}


def _lock_file(path: Path) -> Path:
    return path / "lock.toml" if path.is_dir() else path
