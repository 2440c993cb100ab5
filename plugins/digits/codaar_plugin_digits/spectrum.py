"""The sound front end: one second of sound -> 128 low cosine coefficients of its log-mel spectrogram."""

from __future__ import annotations

import math

import torch
from torch import Tensor

RATE = 8000  # samples a second
WINDOW, HOP, BINS = 200, 80, 512  # 25 ms, 10 ms, samples of the transform
FRAMES, MELS = 96, 64  # the VGGish patch
LOW, HIGH = 125.0, 3800.0  # Hz: VGGish from below, just under half of RATE from above
OFFSET = 0.01  # of VGGish, under the logarithm
SLOW, SMOOTH = 16, 8  # cosines kept along time and along pitch
COEFFICIENTS = SLOW * SMOOTH


def coefficients(waves: Tensor) -> Tensor:
    """Turn sounds (N, 8000) into (N, 128)."""
    frames = waves.unfold(-1, WINDOW, HOP)[:, :FRAMES] * torch.hann_window(WINDOW)
    spectrum = torch.fft.rfft(frames, BINS)
    magnitude = (spectrum.real.square() + spectrum.imag.square()).sqrt()  # abs() takes three times as long
    mels = magnitude @ mel_filters()
    kept = cosines(FRAMES, SLOW) @ (mels + OFFSET).log() @ cosines(MELS, SMOOTH).T
    return kept.flatten(1)


def mel_filters() -> Tensor:
    """Triangles, evenly spaced on the HTK mel scale, as a matrix (frequencies, MELS)."""
    edges = torch.linspace(mel(LOW), mel(HIGH), MELS + 2)
    place = torch.tensor([mel(k * RATE / BINS) for k in range(BINS // 2 + 1)]).unsqueeze(1)
    rise = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    return torch.minimum(rise, fall).clamp(min=0)


def mel(hertz: float) -> float:
    """Place of a frequency on the HTK mel scale."""
    return 1127 * math.log1p(hertz / 700)


def cosines(size: int, kept: int) -> Tensor:
    """The first ``kept`` rows of the orthonormal cosine transform (DCT-II) of ``size`` values."""
    angle = math.pi / size * torch.arange(kept).unsqueeze(1) * (torch.arange(size) + 0.5)
    basis = angle.cos() * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis
