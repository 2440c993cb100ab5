"""The run directory: every file of a run, written whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs
import tomli_w

from codaar_core.api import CodaarError
from codaar_core.features.files import write_whole


@attrs.frozen
class RunDirectory:
    """``runs/NAME/STAMP``; see docs/runs.md for what lies where."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> RunDirectory:
        """Make a new directory, named by the time of day in UTC."""
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S")
        for suffix in ("", *(f"-{n}" for n in range(2, 100))):
            path = root / name / f"{stamp}{suffix}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise CodaarError(f"cannot make the run directory {path}: {error.strerror}") from error
            return cls(path)
        raise CodaarError(f"cannot make a run directory beside {path}: a hundred runs started in one second")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out of this run meanwhile; the system lets go of it when this one ends, however it does.

        Raises:
            CodaarError: Another process is at work in it.
        """
        with (self.path / "resolved.toml").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = self.status().get("pid")
                raise CodaarError(f"process {pid} is at work in {self.path}", "wait for its end, or stop it") from None
            except OSError:
                pass  # some network file systems know no locks
            yield

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, one folder ``step-N`` each."""
        return self.path / "checkpoints"

    def bench(self, benchmark: str, seed: int) -> Path:
        """Folder of one benchmark under one head seed; made on first use."""
        folder = self.path / "bench" / benchmark / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_toml(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a TOML file."""
        write_whole(self.path / name, tomli_w.dumps(values))

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file; floating-point numbers that are no numbers become null."""
        write_whole(self.path / name, json.dumps(_finite(values), indent=1) + "\n")

    def set_status(self, status: str, **details: Any) -> None:
        """Record how the run stands: running, finished, failed or interrupted."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.write_json("status.json", {"status": status, "updated": now, "pid": os.getpid(), **details})

    def status(self) -> dict[str, Any]:
        """Read the last status."""
        try:
            return json.loads((self.path / "status.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CodaarError(f"{self.path} is no run directory: status.json cannot be read ({error})") from error


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
