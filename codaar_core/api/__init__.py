"""All that a plug-in author imports: one contract a file, plus the records they exchange.

Names are resolved on first use, so that listing, help and recipe errors never import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.api.alignment import AlignmentContext, AlignmentStep
    from codaar_core.api.benchmark import Benchmark, BenchmarkContext, Metric, Predicted, Selection, Transfer
    from codaar_core.api.component import Component, setting
    from codaar_core.api.data import Batch, Card, DataContext, DataSource, Split
    from codaar_core.api.decoder import Decoder, DecoderContext
    from codaar_core.api.encoder import Encoder, EncoderContext
    from codaar_core.api.errors import CodaarError, ComponentError, DataError
    from codaar_core.api.extractor import Extractor, ExtractorContext
    from codaar_core.api.head import HeadContext, TaskHead
    from codaar_core.api.hooks import RunHooks, hook
    from codaar_core.api.loss import Loss, LossContext
    from codaar_core.api.quantizer import Quantizer, QuantizerContext
    from codaar_core.api.ranks import RankAware, Ranks
    from codaar_core.api.records import Encoded, Features, Quantized, Space, StepView

_HOME = {
    "alignment": ("AlignmentContext", "AlignmentStep"),
    "benchmark": ("Benchmark", "BenchmarkContext", "Metric", "Predicted", "Selection", "Transfer"),
    "component": ("Component", "setting"),
    "data": ("Batch", "Card", "DataContext", "DataSource", "Split"),
    "decoder": ("Decoder", "DecoderContext"),
    "encoder": ("Encoder", "EncoderContext"),
    "errors": ("CodaarError", "ComponentError", "DataError"),
    "extractor": ("Extractor", "ExtractorContext"),
    "head": ("HeadContext", "TaskHead"),
    "hooks": ("RunHooks", "hook"),
    "loss": ("Loss", "LossContext"),
    "quantizer": ("Quantizer", "QuantizerContext"),
    "ranks": ("RankAware", "Ranks"),
    "records": ("Encoded", "Features", "Quantized", "Space", "StepView"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
