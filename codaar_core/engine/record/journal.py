"""The journal of a run: events.jsonl (one line per logged step) and metrics.csv (one row per epoch)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
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
    def codaar_run_start(self, directory: Path, step: int) -> None:
        """Remove entries later than the checkpoint that the run is resumed from."""
        self.directory = RunDirectory(directory)
        self.path = directory / EVENTS
        kept = [event for event in read_events(self.directory) if event["step"] <= step]
        write_whole(self.path, "".join(json.dumps(event) + "\n" for event in kept))
        self.rows: list[dict[str, Any]] = [row for row in read_epochs(self.directory) if int(row["step"]) <= step]

    @hook
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Append one line to events.jsonl and update status.json."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "epoch": epoch + 1, **values}) + "\n")
        self.directory.set_status("running", phase="pretrain", step=step, epoch=epoch + 1)

    @hook
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Rewrite metrics.csv with one more row."""
        self.rows.append({"epoch": epoch + 1, "step": step, **values})
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(self.rows[-1]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.directory.path / EPOCHS, out.getvalue())


def read_events(directory: RunDirectory) -> list[dict[str, Any]]:
    """Read events.jsonl; a last line cut off by a kill is left out."""
    try:
        lines = (directory.path / EVENTS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def read_epochs(directory: RunDirectory) -> list[dict[str, str]]:
    """Read the rows of metrics.csv."""
    path = directory.path / EPOCHS
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8")))) if path.exists() else []
