"""From a checked plan to a finished run directory: build, pretrain, evaluate transfers, record."""

from codaar_core.engine.run import run
from codaar_core.engine.trained import TrainedModel, open_model

__all__ = ["TrainedModel", "open_model", "run"]
