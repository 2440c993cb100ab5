"""Time, memory and last values of pretraining."""

from __future__ import annotations

import sys

import torch

from codaar_core.engine.record.checkpoint_state import FinishedEpochs
from codaar_core.engine.results import Pretraining
from codaar_core.engine.results.collapse import collapse_line, collapsed_codebooks
from codaar_core.engine.training.session import Session

POSITION = ("epoch", "step")  # columns of metrics.csv that are not metrics


def pretraining(session: Session, seconds: float, steps: int, done: int) -> Pretraining:
    """Return the minutes of an epoch, the peak memory and the metrics of the last epoch.

    Args:
        session: The session that was pretrained.
        seconds: Wall time of the pretraining in this process.
        steps: Steps of the whole pretraining.
        done: Steps done by an earlier process; if it did all of them, the minutes are unknown.
    """
    run = session.plan.run
    epochs = len(session.finished_epochs.rows) if run.patience else run.epochs  # patience may have ended it early
    minutes = seconds / 60 * steps / epochs / (steps - done) if steps > done else None
    quantizer = session.model.quantizer
    collapsed = collapsed_codebooks(session.finished_epochs.rows, quantizer.level_size)
    held = peak_memory(session.runtime.device)
    return Pretraining(
        epoch_minutes=None if minutes is None else round(minutes, 3),
        peak_gb=None if held is None else round(held / 1e9, 2),
        last_epoch=last_epoch(session.finished_epochs),
        codewords=quantizer.level_size,
        collapse=collapse_line(collapsed, quantizer),
    )


def last_epoch(finished: FinishedEpochs) -> dict[str, float | None]:
    """Return the metrics of the last finished epoch; empty before the first is finished."""
    last = finished.rows[-1:]
    return {name: float(value) for row in last for name, value in row.items() if name not in POSITION}


def peak_memory(device: torch.device) -> int | None:
    """Return the peak memory of this process in bytes: of the GPU, else of the host; None where it is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024  # kilobytes elsewhere
