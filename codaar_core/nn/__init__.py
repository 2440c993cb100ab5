"""Building blocks that several plug-ins share; none of them depends on a modality."""

from __future__ import annotations

from codaar_core.api.deprecation import warn_renamed
from codaar_core.nn.contrast_settings import ContrastSettings
from codaar_core.nn.masked_batch_norm import MaskedBatchNorm
from codaar_core.nn.network_extractor import NetworkExtractor
from codaar_core.nn.precise_lstm import PreciseLstm
from codaar_core.nn.published_weights import load_published
from codaar_core.nn.shared_batches import step_means
from codaar_core.nn.temporal_settings import TemporalSettings
from codaar_core.nn.temporal_transformer import TemporalTransformer, ignored_steps
from codaar_core.nn.torch_file import load_torch_file, refuse_odd_tensors
from codaar_core.nn.vector_decoder import SequenceDecoder, VectorDecoder
from codaar_core.nn.vector_settings import VectorSettings, check_vectors

__all__ = [
    "ContrastSettings",
    "MaskedBatchNorm",
    "NetworkExtractor",
    "PreciseLstm",
    "SequenceDecoder",
    "TemporalSettings",
    "TemporalTransformer",
    "VectorDecoder",
    "VectorSettings",
    "check_vectors",
    "ignored_steps",
    "load_published",
    "load_torch_file",
    "refuse_odd_tensors",
    "step_means",
]

_MOVED = ("Convolution3x3", "ResidualStack")


def __getattr__(name: str) -> object:
    if name == "MaskedBatchNorm2d":
        warn_renamed("codaar_core.nn.MaskedBatchNorm2d", "MaskedBatchNorm")
        return MaskedBatchNorm
    if name in _MOVED:
        raise AttributeError(f"{name} moved to the plug-in that uses it, see docs/versioning.md")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
