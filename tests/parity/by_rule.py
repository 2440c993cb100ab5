"""Codebooks and batches that the reference files do not store: their names are the seeds."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from codaar_core.testing.released_numbers import drawn


def codebooks(prefix: str, codes: int, width: int) -> dict[str, Tensor]:
    """The buffers of the released quantizer before the first step, for two modalities."""
    stream = np.random.RandomState(crc32(f"{prefix}/embedding".encode()))
    codewords = torch.from_numpy(stream.uniform(-1 / codes, 1 / codes, (codes, width)))
    counts = {name: torch.zeros(codes).double() for name in ("ema_count", "ema_count_v", "ema_count_a")}
    unused = torch.full((codes,), -1.0).double()
    buffers = {"embedding": codewords, "ema_weight": codewords, "unactivated_count": unused, **counts}
    return {f"Encoder/Cross_quantizer.{name}": buffer for name, buffer in buffers.items()}


def batch(prefix: str, step: int, clips: int, patches: int, coefficients: int) -> dict[str, Tensor]:
    """Inputs of a pretraining step: non-negative features in single precision."""
    video = drawn(f"{prefix}/v{step}", (clips, 10, 7, 7, patches)).clamp(min=0)
    audio = 0.5 * drawn(f"{prefix}/a{step}", (clips, 10, coefficients)).abs()
    return {"video": video.float(), "audio": audio.float()}
