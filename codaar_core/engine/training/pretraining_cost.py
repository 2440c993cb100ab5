"""What pretraining took and where it ended."""

from __future__ import annotations

import sys

import torch

from codaar_core.engine.record.journal import read_epochs
from codaar_core.engine.results import Pretraining
from codaar_core.engine.training.session import Session

POSITION = ("epoch", "step")  # columns of metrics.csv that are no measured value


def pretraining(session: Session, seconds: float, steps: int, done: int) -> Pretraining:
    """Minutes of an epoch, peak memory, and the values of the last epoch.

    Args:
        session: The session that was pretrained.
        seconds: Wall time of the pretraining in this process.
        steps: Steps of the whole pretraining.
        done: Steps that an earlier process made; if it made all, the minutes are unknown.
    """
    epochs = session.plan.run.epochs
    minutes = seconds / 60 * steps / epochs / (steps - done) if steps > done else None
    held = peak_memory(session.runtime.device)
    last = read_epochs(session.directory)[-1:]
    return Pretraining(
        epoch_minutes=None if minutes is None else round(minutes, 3),
        peak_gb=None if held is None else round(held / 1e9, 2),
        last_epoch={name: float(value) for row in last for name, value in row.items() if name not in POSITION},
    )


def peak_memory(device: torch.device) -> int | None:
    """Most bytes that this process has held so far: of the GPU, else of the machine; None where this is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024  # kilobytes elsewhere
