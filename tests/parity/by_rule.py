"""Weights and inputs that the reference numbers do not store: they follow from their names."""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

NORM_SCALE = re.compile(r"(norm\d|spatial_conv_stack\.[14])\.weight$")


def stream(name: str) -> np.random.RandomState:
    """The random numbers of one name."""
    return np.random.RandomState(crc32(name.encode()))


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers."""
    return torch.from_numpy(stream(name).standard_normal(shape))


def weight(prefix: str, key: str, shape: tuple[int, ...]) -> Tensor:
    """One entry of a released state dict."""
    values = drawn(f"{prefix}/{key}", shape)
    if len(shape) >= 2:
        return values / np.sqrt(np.prod(shape[1:]))
    if key.endswith("running_var"):
        return 1 + 0.1 * values.abs()
    return 1 + 0.1 * values if NORM_SCALE.search(key) else 0.1 * values


def codebooks(prefix: str, codes: int, width: int) -> dict[str, Tensor]:
    """The buffers of the released quantizer before the first step, for two modalities."""
    codewords = torch.from_numpy(stream(f"{prefix}/embedding").uniform(-1 / codes, 1 / codes, (codes, width)))
    counts = {name: torch.zeros(codes).double() for name in ("ema_count", "ema_count_v", "ema_count_a")}
    unused = torch.full((codes,), -1.0).double()
    buffers = {"embedding": codewords, "ema_weight": codewords, "unactivated_count": unused, **counts}
    return {f"Encoder/Cross_quantizer.{name}": buffer for name, buffer in buffers.items()}


def batch(prefix: str, step: int, clips: int, patches: int, coefficients: int) -> dict[str, Tensor]:
    """What a pretraining step is fed with: features are never negative, and in single precision."""
    video = drawn(f"{prefix}/v{step}", (clips, 10, 7, 7, patches)).clamp(min=0)
    audio = 0.5 * drawn(f"{prefix}/a{step}", (clips, 10, coefficients)).abs()
    return {"video": video.float(), "audio": audio.float()}
