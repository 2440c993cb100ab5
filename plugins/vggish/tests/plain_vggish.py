"""VGGish written out: a frame at a time, a band at a time, a layer at a time."""

from __future__ import annotations

import math

import numpy as np
from torch.nn import functional as F


def patches(sound: np.ndarray) -> np.ndarray:
    """Mono sound at 16 kHz -> (T, 96, 64)."""
    seconds = len(sound) // 16_000
    return np.stack([patch(sound[second * 16_000 :][:16_000]) for second in range(seconds)])


def patch(second: np.ndarray) -> np.ndarray:
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 400) for n in range(400)]
    frames = []
    for start in range(0, 16_000 - 400 + 1, 160):
        padded = np.zeros(512)
        padded[:400] = second[start : start + 400] * window
        spectrum = np.abs(np.fft.fft(padded))[:257]
        frames.append([math.log(band(spectrum, number) + 0.01) for number in range(64)])
    assert len(frames) == 98
    return np.array(frames[:96])


def band(spectrum: np.ndarray, number: int) -> float:
    lowest, highest = mel(125), mel(7500)
    lower, centre, upper = (lowest + (highest - lowest) * (number + edge) / 65 for edge in range(3))
    total = 0.0
    for bin in range(1, 257):
        here = mel(bin * 16_000 / 512)
        if lower < here <= centre:
            total += spectrum[bin] * (here - lower) / (centre - lower)
        elif centre < here < upper:
            total += spectrum[bin] * (upper - here) / (upper - centre)
    return total


def mel(hertz: float) -> float:
    return 1127 * math.log(1 + hertz / 700)


def embeddings(patches, weights):
    """(N, 96, 64) -> (N, 128), as one list of operations."""

    def conv(x, number):
        return F.relu(F.conv2d(x, weights[f"features.{number}.weight"], weights[f"features.{number}.bias"], padding=1))

    def linear(x, number):
        return F.relu(F.linear(x, weights[f"embeddings.{number}.weight"], weights[f"embeddings.{number}.bias"]))

    x = patches.unsqueeze(1)
    x = F.max_pool2d(conv(x, 0), 2, 2)
    x = F.max_pool2d(conv(x, 3), 2, 2)
    x = F.max_pool2d(conv(conv(x, 6), 8), 2, 2)
    x = F.max_pool2d(conv(conv(x, 11), 13), 2, 2)
    x = x.permute(0, 2, 3, 1).contiguous().view(len(x), 12288)
    return linear(linear(linear(x, 0), 2), 4)
