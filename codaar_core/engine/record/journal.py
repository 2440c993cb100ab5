"""The journal of a run: events.jsonl (one line a logged step) and metrics.csv (one line an epoch)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from codaar_core.api import hook
from codaar_core.engine.record.run_directory import RunDirectory, write_whole, writing

EPOCHS = "metrics.csv"


class Journal:
    """Writes what happens as it happens; what was logged after the checkpoint of a resume is dropped."""

    def __init__(self, directory: RunDirectory, done: int) -> None:
        self.path = directory.path / "events.jsonl"
        self.table = directory.path / EPOCHS
        self.directory = directory
        kept = [event for event in read_events(directory) if event["step"] <= done]
        write_whole(self.path, "".join(json.dumps(event) + "\n" for event in kept))
        self.rows = [row for row in read_epochs(directory) if int(row["step"]) <= done]

    @hook
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Append one event."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "epoch": epoch + 1, **values}) + "\n")
        self.directory.set_status("running", phase="pretrain", step=step, epoch=epoch + 1)

    @hook
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Rewrite the table with one more row."""
        self.rows.append({"epoch": epoch + 1, "step": step, **values})
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(self.rows[-1]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.table, out.getvalue())


def read_events(directory: RunDirectory) -> list[dict[str, Any]]:
    """All complete events of a run; a line cut off by a kill is left out."""
    try:
        lines = (directory.path / "events.jsonl").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def read_epochs(directory: RunDirectory) -> list[dict[str, str]]:
    """The rows of metrics.csv, one an epoch."""
    path = directory.path / EPOCHS
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8")))) if path.exists() else []
