"""From a checked plan to a finished run directory: build, pretrain, evaluate transfers, record."""

from codaar_core.engine.card import data_card, data_of
from codaar_core.engine.drift import Drift, read_lock, shown
from codaar_core.engine.extraction import extract_features
from codaar_core.engine.packing import pack_benchmark, pack_data, verify_packed
from codaar_core.engine.processes import is_first
from codaar_core.engine.run import run
from codaar_core.engine.trained import TrainedModel, adopt_model, open_model
from codaar_core.engine.trial import try_out

__all__ = [
    "Drift",
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
    "try_out",
    "verify_packed",
]
