"""Front end of VGGish: sound -> one log-mel patch (96, 64) a second."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

RATE = 16_000  # samples a second
WINDOW, HOP, BINS = 400, 160, 512  # samples: 25 ms every 10 ms, padded to the length of the transform
FRAMES = 96  # the first of the 98 that fit into a second
PATCH = (FRAMES - 1) * HOP + WINDOW  # samples that a patch reads: 0.975 s
BANDS = 64
LOWEST, HIGHEST = 125.0, 7500.0  # Hz: edges of the first and of the last band
OFFSET = 0.01


def seconds_of(sound: Tensor) -> Tensor:
    """Cut mono sound (N,) at 16 kHz into whole seconds (T, 16000); a shorter rest is dropped.

    Each second is cut out before frames are taken, so that step t is second t, as in the released features of AVE and
    VGGSound-AVEL; VGGish itself cuts every 0.96 s.
    """
    return sound[: len(sound) // RATE * RATE].reshape(-1, RATE)


def patches_of(seconds: Tensor) -> Tensor:
    """Turn samples (T, 15600 or more) in -1..1 into patches (T, 96, 64) in double precision, as torchvggish does."""
    frames = seconds.double().unfold(-1, WINDOW, HOP)[:, :FRAMES]
    spectrum = torch.fft.rfft(frames * torch.hann_window(WINDOW, dtype=torch.double), BINS).abs()
    return (spectrum @ mel_matrix() + OFFSET).log()


def mel_matrix() -> Tensor:
    """Weights (257, 64) of triangular bands of equal width in mel; the constant component has weight 0.

    The bands are triangles in mel, not in Hz, and are not scaled to equal areas.
    """
    edges = torch.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2, dtype=torch.double)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    hertz = torch.linspace(0, RATE / 2, BINS // 2 + 1, dtype=torch.double)
    mel = (1127 * (1 + hertz / 700).log())[:, None]
    matrix = torch.minimum((mel - lower) / (centre - lower), (upper - mel) / (upper - centre)).clamp_min(0)
    matrix[0] = 0
    return matrix


def _mel(hertz: float) -> float:
    """Mel scale of HTK."""
    return 1127 * log(1 + hertz / 700)
