"""``--locked``: a run must match the lock of an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from codaar_core.api import CodaarError
from codaar_core.engine.record.settings_paths import flattened

FORMAT = 1  # of a lock file; here, because reading a lock needs no torch
TABLES: Mapping[str, tuple[str, ...]] = {"packages": (), "recipe": ("files", "overrides"), "components": (), "data": ()}
COMPONENT = ("name", "source")  # strings that each component has
COMPARED = ("packages.", "recipe.", "components.", "data.", "initial_weights.sha256")
"""Parts of a lock that determine the results. Python, machine and commit are recorded but not compared."""


class LockMismatch(CodaarError):
    """The run does not match the lock.

    Attributes:
        differences: One line per difference.
    """

    exit_code = 3
    code = "drift"

    def __init__(self, differences: list[str], file: Path) -> None:
        count = f"{len(differences)} thing{'s differ' if len(differences) > 1 else ' differs'}"
        super().__init__(
            f"{count} from {file}; nothing was run",
            "install the versions that the lock states, or run without --locked",
        )
        self.differences = differences

    def __str__(self) -> str:
        lines = "".join(f"\n   |  {each}" for each in self.differences)
        return f"{self.message}{lines}\n   = help: {self.help}"


def read_lock(path: Path | str) -> dict[str, Any]:
    """Read a lock file; ``path`` is the file or a run directory that contains it.

    Raises:
        CodaarError: The file is missing or damaged, or has another format.
    """
    file = _lock_file(Path(path))
    try:
        lock = tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        help = "give a lock file or a folder like runs/NAME/STAMP"
        raise CodaarError(f"{file} cannot be read: {error}", help) from error
    if lock.get("format") != FORMAT:
        raise CodaarError(f"{file} has lock format {lock.get('format')!r}, this codaar-core reads format {FORMAT}")
    if wrong := _wrong_part(lock):
        raise CodaarError(f"{file} is no complete lock: {wrong}", "take the lock of another run")
    return lock


def _wrong_part(lock: Mapping[str, Any]) -> str:
    """What is missing or of another type in a lock; empty if it is complete."""
    for name, keys in TABLES.items():
        part = lock.get(name)
        if not isinstance(part, Mapping):
            return f"it has no table {name!r}"
        if missing := [key for key in keys if not isinstance(part.get(key), Mapping)]:
            return f"{name!r} has no table {missing[0]!r}"
    for path, component in lock["components"].items():
        texts = isinstance(component, Mapping) and all(isinstance(component.get(key), str) for key in COMPONENT)
        if not texts:
            return f"the component {path[:60]!r} lacks one of {', '.join(COMPONENT)}"
    return ""


def refuse_mismatch(now: Mapping[str, Any], path: Path) -> None:
    """Compare the lock ``now`` of a run about to start with the lock file ``path``.

    Raises:
        LockMismatch: They differ.
        CodaarError: The lock file cannot be read.
    """
    differences = list(compare(read_lock(path), now))
    if differences:
        raise LockMismatch(differences, _lock_file(path))


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield every difference between two locks, one line each."""
    old, new = _compared(before), _compared(now)
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path):
            yield f"{path}: {shown(old.get(path))} -> {shown(new.get(path))}"


def shown(value: Any) -> str:
    """Format a value of a lock: hashes are cut to 12 characters, and None is "nothing"."""
    if value is None:
        return "nothing"
    return value[: len("sha256:") + 12] if str(value).startswith("sha256:") else str(value)


def _compared(lock: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in flattened(lock) if path.startswith(COMPARED)}


def _lock_file(path: Path) -> Path:
    return path / "lock.toml" if path.is_dir() else path
