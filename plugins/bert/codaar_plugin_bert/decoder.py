"""Decoder of text: full code and private features -> what the encoder made of each word piece (F,)."""

from __future__ import annotations

from codaar_core.nn import VectorDecoder


class BertDecoder(VectorDecoder):
    """Linear maps of the code, joined with the private features of the word pieces (code of arXiv 2605.12145)."""
