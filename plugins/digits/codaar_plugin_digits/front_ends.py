"""Features of sound, by the setting ``sound``: each front end turns sounds of one second (N, 8000) into (N, width)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from codaar_core.api import DataError
from codaar_plugin_digits.spectrum import COEFFICIENTS, RATE, coefficients


class FrontEnd(NamedTuple):
    """Width and function of a front end."""

    width: int
    features: Callable[[Tensor], Tensor]


def embeddings(waves: Tensor) -> Tensor:
    """The mean of the three speech embeddings inside each sound (N, 8000): (N, 96).

    Raises:
        DataError: codaar-plugin-packaged, the package that has the network, or ONNX Runtime is not installed.
    """
    network, rate = _speech_network()
    return network.mean_embeddings(resampled(waves, rate))


@cache
def _speech_network() -> tuple[Any, int]:
    """The network, and the samples a second that it expects; an optional dependency of this package."""
    try:
        from codaar_plugin_packaged.speech_network import RATE as EXPECTED
        from codaar_plugin_packaged.speech_network import SpeechNetwork
    except ImportError as error:
        raise DataError(
            'sound = "embedding" needs codaar-plugin-packaged', "pip install 'codaar-plugin-digits[speech]'"
        ) from error
    return SpeechNetwork(), EXPECTED


def resampled(waves: Tensor, rate: int) -> Tensor:
    """Bring sounds of one second (N, RATE) to a higher rate (N, rate), without new frequencies."""
    return torch.fft.irfft(torch.fft.rfft(waves), rate) * (rate / RATE)


FRONT_ENDS = {"log-mel": FrontEnd(COEFFICIENTS, coefficients), "embedding": FrontEnd(96, embeddings)}
