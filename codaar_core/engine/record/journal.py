"""The journal of a run: events.jsonl (logged steps, and warnings) and metrics.csv (one row per epoch)."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codaar_core.api import hook
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.features.files import write_whole, writing

EVENTS = "events.jsonl"
EPOCHS = "metrics.csv"


class Journal:
    """Writes the journal; registered in every run, and a hook implementation like those of plug-ins."""

    directory: RunDirectory

    @hook
    def codaar_run_start(
        self, directory: Path, finished: Sequence[Mapping[str, float]], logged: Sequence[Mapping[str, Any]]
    ) -> None:
        """Make both files agree with the checkpoint that the run is resumed from."""
        self.directory = RunDirectory(directory)
        _write_events(directory, logged)
        self.rows = list(finished)
        self._write_epochs()

    @hook
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Append one line to events.jsonl and update status.json."""
        append_event(self.directory.path, {"step": step, "epoch": epoch + 1, **values})
        self.directory.set_status("running", phase="pretrain", step=step, epoch=epoch + 1)

    @hook
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Rewrite metrics.csv with one more row."""
        self.rows.append(epoch_row(epoch, step, values))
        self._write_epochs()

    def _write_epochs(self) -> None:
        if not self.rows:
            (self.directory.path / EPOCHS).unlink(missing_ok=True)
            return
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(self.rows[-1]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.directory.path / EPOCHS, out.getvalue())


def append_event(directory: Path, event: Mapping[str, Any]) -> None:
    """Append a line to events.jsonl of a run directory: a logged step, or a step, an epoch and a ``warning``."""
    path = directory / EVENTS
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def insert_events(directory: Path, events: Sequence[Mapping[str, Any]]) -> None:
    """Insert warnings into events.jsonl, each after the logged steps up to its own."""
    if events:
        logged = read_events(RunDirectory(directory))
        _write_events(directory, sorted([*logged, *events], key=lambda event: int(event["step"])))


def _write_events(directory: Path, events: Sequence[Mapping[str, Any]]) -> None:
    write_whole(directory / EVENTS, "".join(json.dumps(event) + "\n" for event in events))


def epoch_row(epoch: int, step: int, values: Mapping[str, float]) -> dict[str, float]:
    """Return the row of metrics.csv of an epoch, which is counted from 0 here and from 1 there."""
    return {"epoch": epoch + 1, "step": step, **values}


def read_events(directory: RunDirectory) -> list[dict[str, Any]]:
    """Read the logged steps of events.jsonl; warn of damaged lines, but for the last, which a kill may have cut off."""
    path = directory.path / EVENTS
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    events = [_event(line) for line in lines]
    damaged = events[:-1].count(None)
    if damaged:
        warnings.warn(f"{path}: {damaged} damaged lines are left out of the curves", stacklevel=2)
    return [event for event in events if event is not None and "warning" not in event]


def events_until(directory: RunDirectory, step: int) -> tuple[dict[str, Any], ...]:
    """Return the logged steps of events.jsonl up to a step: those of the checkpoint that a run is resumed from."""
    return tuple(event for event in read_events(directory) if event["step"] <= step)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("step"), int) else None
