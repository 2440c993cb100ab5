"""The run directory. Its files are written atomically: completely or not at all."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs
import tomli_w

from codaar_core.api import CodaarError
from codaar_core.features.files import write_whole

EVALUATIONS = "evaluations"  # folder of a run with its later evaluations
REPORT = "report"  # phase in status.json: results.json is complete, the report is not
ORIGIN = "origin"  # entry of status.json: where imported weights come from
PRETRAINED_IN = "pretrained_in"  # entry of status.json: the run whose pretraining was taken over
ORIGIN_DATA = "origin_data"  # entry of status.json: what they were pretrained on
LASTING = (ORIGIN, ORIGIN_DATA, "origin_file", "origin_sha256", PRETRAINED_IN, "checkpoint")
"""Entries of status.json that stay whatever happens to the run."""
HELP = "give a folder like runs/NAME/STAMP"


@attrs.frozen
class RunDirectory:
    """The folder ``runs/NAME/STAMP`` of a run; docs/runs.md lists its files."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> RunDirectory:
        """Make a new directory below ``root/name``, named by date and time in UTC.

        Raises:
            CodaarError: It cannot be made.
        """
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
    def exclusive(self) -> Iterator[None]:
        """Lock the run directory against other processes inside the context.

        The operating system releases the lock when the process ends, also after a kill.

        Raises:
            CodaarError: Another process has locked it.
        """
        with (self.path / "resolved.toml").open("ab") as file:
            try:
                _lock(file.fileno())
            except BlockingIOError:
                pid = self.last_known("pid") or "?"
                raise CodaarError(f"process {pid} is using {self.path}", "wait until it ends, or stop it") from None
            except OSError:
                pass  # some network file systems do not support locks, nor does Windows
            yield

    def remove_partial(self) -> None:
        """Remove temporary files and folders that a killed process left; call this inside ``exclusive``."""
        for path in list(self.path.rglob(".*.partial")):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints; each is a folder ``step-N`` or ``best-N``."""
        return self.path / "checkpoints"

    def bench(self, benchmark: str, seed: int) -> Path:
        """Return the folder of one benchmark and head seed; it is made if it does not exist."""
        folder = self.path / "bench" / benchmark / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_toml(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a TOML file of the run directory."""
        write_whole(self.path / name, tomli_w.dumps(values))

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of the run directory; NaN and infinity become null."""
        write_whole(self.path / name, json.dumps(_finite(values), indent=1) + "\n")

    @property
    def _help_if_damaged(self) -> str:
        path = shlex.quote(str(self.path))
        return f"to resume this run: codaar-run {path}/resolved.toml --resume {path}"

    def last_known(self, name: str) -> Any:
        """Return an entry of status.json; None if it has no such entry, or cannot be read."""
        try:
            return self.status().get(name)
        except CodaarError:
            return None

    def set_status(self, status: str, **details: Any) -> None:
        """Write status.json; ``status`` is "running", "finished", "failed", "interrupted" or "imported".

        Entries of the file that are named in ``LASTING`` stay.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        lasting = {name: value for name in LASTING if (value := self.last_known(name)) is not None}
        self.write_json("status.json", {"status": status, "updated": now, "pid": os.getpid(), **lasting, **details})

    def status(self) -> dict[str, Any]:
        """Read status.json.

        Raises:
            CodaarError: The file is missing or damaged.
        """
        file = self.path / "status.json"
        if not file.exists():
            raise CodaarError(f"{self.path} is not a run directory: it has no status.json", HELP)
        try:
            status = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CodaarError(f"{file} is damaged: {error}", self._help_if_damaged) from error
        if not isinstance(status, dict) or not isinstance(status.get("status"), str):
            raise CodaarError(f"{file} is damaged: it states no status", self._help_if_damaged)
        return status


def _lock(descriptor: int) -> None:
    """Lock an open file, without waiting.

    Raises:
        BlockingIOError: Another process has locked it.
        OSError: The file system or the operating system has no such locks.
    """
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError("this operating system has no such locks") from error
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
