"""Building blocks that several plug-ins share; none of them knows a modality."""

from __future__ import annotations

from codaar_core.nn.convolution import Convolution3x3
from codaar_core.nn.masked_batch_norm import MaskedBatchNorm2d
from codaar_core.nn.precise_lstm import PreciseLstm
from codaar_core.nn.published_weights import load_published
from codaar_core.nn.residual_stack import ResidualStack
from codaar_core.nn.sequence_decoder import SequenceDecoder
from codaar_core.nn.temporal_settings import TemporalSettings
from codaar_core.nn.temporal_transformer import TemporalTransformer, ignored_steps
from codaar_core.nn.vector_decoder import VectorDecoder

__all__ = [
    "Convolution3x3",
    "MaskedBatchNorm2d",
    "PreciseLstm",
    "ResidualStack",
    "SequenceDecoder",
    "TemporalSettings",
    "TemporalTransformer",
    "VectorDecoder",
    "ignored_steps",
    "load_published",
]
