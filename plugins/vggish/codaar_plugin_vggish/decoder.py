"""Decoder of audio: full code and private features -> VGGish embeddings (F,)."""

from __future__ import annotations

from codaar_core.nn import VectorDecoder


class VggishDecoder(VectorDecoder):
    """Linear maps of the code, concatenated with the private features (released code of arXiv 2605.12145)."""
