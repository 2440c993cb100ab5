"""From a checked plan to a finished run directory: build, pretrain, evaluate transfers, record."""

from codaar_core.engine.data.card import data_card, data_of
from codaar_core.engine.data.extraction import extract_features
from codaar_core.engine.data.packing import pack_benchmark, pack_data, verify_packed
from codaar_core.engine.devices.processes import is_first
from codaar_core.engine.model_folder import TrainedModel, adopt_model, open_model
from codaar_core.engine.record.lock_comparison import LockMismatch, read_lock, shown
from codaar_core.engine.run import run
from codaar_core.engine.training.synthetic_step import run_synthetic_step

__all__ = [
    "LockMismatch",
    "TrainedModel",
    "adopt_model",
    "data_card",
    "data_of",
    "extract_features",
    "is_first",
    "open_model",
    "pack_benchmark",
    "pack_data",
    "read_lock",
    "run",
    "shown",
    "run_synthetic_step",
    "verify_packed",
]
