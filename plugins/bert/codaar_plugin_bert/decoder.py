"""Decoder of text: full code and private features -> reconstruction target of the encoder (F,)."""

from __future__ import annotations

from codaar_core.nn import VectorDecoder


class BertDecoder(VectorDecoder):
    """Linear maps of the code, concatenated with the private features (released code of arXiv 2605.12145)."""
