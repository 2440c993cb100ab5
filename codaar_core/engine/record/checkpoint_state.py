"""state.json and SHA256SUMS of a checkpoint: what it commits besides tensors, and whether its files are intact."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from codaar_core.api import CodaarError
from codaar_core.features.files import sha256_of

FORMAT = 3
FORMAT_WITHOUT_CHECKSUMS = 2  # its epochs are in metrics.csv, its best checkpoint is the newest best-N
STATE = "state.json"
CHECKSUMS = "SHA256SUMS"
METRICS = "metrics.csv"
BEST = "best-"


class Best(NamedTuple):
    """The lowest value of an epoch metric so far, and the step at which it was reached."""

    name: str
    value: float
    step: int


@attrs.frozen
class CheckpointState:
    """What a checkpoint says about the run.

    Attributes:
        step: Number of steps done.
        epochs: Values of the finished epochs, i.e. the rows of metrics.csv; each has ``epoch`` (from 1) and ``step``.
        best: The epoch whose model is kept as ``best-N``.
    """

    step: int
    epochs: tuple[Mapping[str, float], ...] = ()
    best: Best | None = None


class FinishedEpochs:
    """The finished epochs of a run under way, as checkpoints keep them.

    Attributes:
        rows: Values of each finished epoch.
        best: The best epoch so far.
    """

    def __init__(self) -> None:
        self.rows: list[Mapping[str, float]] = []
        self.best: Best | None = None

    def add(self, row: Mapping[str, float], metric: str) -> bool:
        """Add the row of an epoch.

        Args:
            row: Values of the epoch, with ``epoch`` and ``step``.
            metric: The metric that ``best`` minimises; empty, or not in the row: ``best`` stays.

        Returns:
            Whether this epoch is the best so far. It is if the best one was selected by another metric: the recipe has
            been changed since.
        """
        self.rows.append(row)
        best = self.best
        if metric not in row or (best is not None and best.name == metric and not row[metric] < best.value):
            return False
        self.best = Best(metric, row[metric], int(row["step"]))
        return True

    def load(self, state: CheckpointState, folder: Path) -> None:
        """Take over the state of a checkpoint; a best checkpoint that is no longer in ``folder`` is forgotten."""
        kept = state.best is not None and (folder / f"{BEST}{state.best.step}").is_dir()
        self.rows, self.best = list(state.epochs), state.best if kept else None

    def state(self, step: int) -> CheckpointState:
        """Return the state of a checkpoint after ``step`` steps."""
        return CheckpointState(step, tuple(self.rows), self.best)


def write_state(folder: Path, state: CheckpointState) -> None:
    """Write state.json, then the checksums of all files of the checkpoint, as ``sha256sum -c`` reads them."""
    best = None if state.best is None else state.best._asdict()
    content = {"format": FORMAT, "step": state.step, "best": best, "epochs": [dict(row) for row in state.epochs]}
    (folder / STATE).write_text(json.dumps(content) + "\n", "utf-8")
    sums = "".join(f"{sha256_of(file)}  {file.name}\n" for file in sorted(folder.iterdir()))
    (folder / CHECKSUMS).write_text(sums, "utf-8")


def read_state(folder: Path) -> CheckpointState:
    """Read state.json of the checkpoint ``folder``.

    Raises:
        CodaarError: The file is damaged, or was written by a newer codaar-core.
    """
    file = folder / STATE
    content = _content(file)
    try:
        if content["format"] == FORMAT_WITHOUT_CHECKSUMS:
            return _state_without_epochs(folder, content)
        best = None if content["best"] is None else Best(**content["best"])
        return CheckpointState(int(content["step"]), tuple(map(dict, content["epochs"])), best)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(file, f"is damaged: {error!r}") from error


def verify(folder: Path) -> None:
    """Compare every file of a checkpoint with its checksum; format 2 has none.

    Raises:
        CodaarError: A file is missing or damaged; names the file.
    """
    sums = folder / CHECKSUMS
    if not sums.exists() and _content(folder / STATE)["format"] == FORMAT_WITHOUT_CHECKSUMS:
        return
    for digest, name in _checksums(sums):
        if _digest(folder / name) != digest:
            raise damaged(folder / name, f"is damaged: its SHA-256 differs from {CHECKSUMS}")


def damaged(file: Path, problem: str) -> CodaarError:
    """Return the error of a checkpoint with a damaged file, which says what to do."""
    help = f"restore the file from a copy, or remove {file.parent} to use the checkpoint before it"
    return CodaarError(f"{file} {problem}", help)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(file, f"cannot be read: {error}") from error
    written = content.get("format") if isinstance(content, dict) else None
    if not isinstance(written, int):
        raise damaged(file, "is damaged: it states no format")
    if written not in (FORMAT, FORMAT_WITHOUT_CHECKSUMS):
        raise CodaarError(
            f"{file} has checkpoint format {written!r}, this codaar-core reads formats 2 and {FORMAT}",
            "use the codaar-core that wrote it; lock.toml of the run names its version",
        )
    return content


def _checksums(sums: Path) -> list[tuple[str, str]]:
    """Return the pairs (SHA-256, file name) of SHA256SUMS."""
    try:
        pairs = [line.split("  ", 1) for line in sums.read_text("utf-8").splitlines()]
        checksums = [(digest, name) for digest, name in pairs]
    except (OSError, ValueError) as error:
        raise damaged(sums, f"cannot be read: {error}") from error
    if {STATE, "model.safetensors", "train.safetensors"} - {name for _, name in checksums}:
        raise damaged(sums, "is damaged: it does not list every file of the checkpoint")
    return checksums


def _digest(file: Path) -> str:
    try:
        return sha256_of(file)
    except (OSError, ValueError) as error:
        raise damaged(file, f"cannot be read: {error}") from error


def _state_without_epochs(folder: Path, content: Mapping[str, Any]) -> CheckpointState:
    """The state of a checkpoint of format 2, with the epochs of metrics.csv and the newest ``best-N``."""
    step = int(content["step"])
    found = [_old_best(path) for path in folder.parent.glob(f"{BEST}*")]
    earlier = [best for best in found if best is not None and best.step <= step]
    epochs = _rows_until(step, folder.parent.parent / METRICS)
    return CheckpointState(step, tuple(epochs), max(earlier, key=lambda best: best.step, default=None))


def _old_best(folder: Path) -> Best | None:
    try:
        state = json.loads((folder / STATE).read_text("utf-8"))
        return Best(str(state["of"]), float(state["value"]), int(state["step"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _rows_until(step: int, metrics: Path) -> Iterable[dict[str, float]]:
    """Rows of metrics.csv up to a step; none if the file is missing or damaged."""
    try:
        rows = list(csv.DictReader(metrics.read_text("utf-8").splitlines()))
        numbers = [{name: float(value) for name, value in row.items()} for row in rows]
        return [{**row, "epoch": int(row["epoch"]), "step": int(row["step"])} for row in numbers if row["step"] <= step]
    except (OSError, ValueError, KeyError, TypeError):
        return []
