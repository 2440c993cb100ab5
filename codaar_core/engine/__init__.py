"""From a checked plan to a finished run directory: build, pretrain, evaluate transfers, record."""

from codaar_core.engine.run import run
from codaar_core.engine.trained import TrainedModel, adopt_model, open_model

__all__ = ["TrainedModel", "adopt_model", "open_model", "run"]
