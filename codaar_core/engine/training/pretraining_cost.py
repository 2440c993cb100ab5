"""What pretraining took and where it ended, beside what it is for."""

from __future__ import annotations

import sys
from typing import Any

import torch

from codaar_core.engine.record.journal import read_epochs
from codaar_core.engine.training.session import Session


def pretraining(session: Session, seconds: float, steps: int, done: int) -> dict[str, Any]:
    """Minutes of an epoch, the most memory held (GB), and the values of the last epoch.

    Args:
        seconds: Of the pretraining of this process.
        steps: Of the whole pretraining.
        done: Steps that an earlier process made; where it made all, nothing is known of the minutes.
    """
    epochs = session.plan.run.epochs
    minutes = seconds / 60 * steps / epochs / (steps - done) if steps > done else None
    held = peak_memory(session.runtime.device)
    last = read_epochs(session.directory)[-1:]
    return {
        "epoch_minutes": None if minutes is None else round(minutes, 3),
        "peak_gb": None if held is None else round(held / 1e9, 2),
        **{name: float(value) for row in last for name, value in row.items() if name not in ("epoch", "step")},
    }


def peak_memory(device: torch.device) -> int | None:
    """The most bytes that this process has held so far: of the GPU, else of the machine; None where nobody knows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024  # kilobytes elsewhere
