"""Decoder of audio: full code and private features -> VGGish embeddings (F,)."""

from __future__ import annotations

from codaar_core.nn import VectorDecoder


class VggishDecoder(VectorDecoder):
    """Linear maps of the code, joined with the private features of the sound (code of arXiv 2605.12145)."""
