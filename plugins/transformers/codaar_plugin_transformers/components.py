"""Encoders and decoders of features of any width: vectors, and maps."""

from __future__ import annotations

from typing import ClassVar

from codaar_plugin_vgg.decoder import VggDecoder
from codaar_plugin_vgg.encoder import VggEncoder
from codaar_plugin_vggish.encoder import VggishEncoder

from codaar_core.nn import VectorDecoder


class TokensEncoder(VggishEncoder):
    """Attention over time for vectors (F,) of any width, one a step; a linear map with ReLU beside it.

    Raises:
        ComponentError: The features are not vectors, or the heads do not divide the latent width.
    """

    called: ClassVar = "tokens"
    expected: ClassVar = "vectors, e.g. of hf-audio or hf-text"
    examples: ClassVar = ({"normalise": True, "input_dropout": 0.5},)  # others are checked as those of vggish


class TokensDecoder(VectorDecoder):
    """Linear maps of the code, concatenated with the private features, give vectors (F,)."""


class MapEncoder(VggEncoder):
    """Channel attention, pooling of cells and attention over time for maps (H, W, C); two private convolutions.

    Raises:
        ComponentError: The features are not maps of at least 5x5 cells, or a setting does not fit their width.
    """

    called: ClassVar = "map"
    examples: ClassVar = ()  # checked as those of vgg


class MapDecoder(VggDecoder):
    """Transposed convolutions and a residual stack turn code and private map into maps (H, W, C)."""

    examples: ClassVar = ()  # checked as those of vgg
