"""Reads pictures with transparent parts, and puts them into squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import DataError
from codaar_core.features import opened_recording

INSTALL = "codaar-plugin-tuxpaint[features]"
WHITE = 255.0


def picture_on_white(path: Path) -> np.ndarray:
    """Read a picture (H, W, 3) uint8 in RGB; transparent parts are white.

    Raises:
        DataError: The file is damaged or has no picture.
    """
    with opened_recording(path, INSTALL) as container:
        if container.streams.video:
            for frame in container.decode(video=0):
                return _on_white(frame.to_ndarray(format="rgba"))
    raise DataError(f"{path} has no picture that can be decoded")


def _on_white(picture: np.ndarray) -> np.ndarray:
    opaque = picture[..., 3:].astype(np.float32) / 255
    return (picture[..., :3] * opaque + WHITE * (1 - opaque)).round().astype(np.uint8)


def squared(picture: np.ndarray, size: int) -> Tensor:
    """Put a picture (H, W, 3) into the middle of a white square, scaled to (3, size, size) float32 in 0..255."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    whole = F.pad(
        torch.from_numpy(picture.copy()).movedim(-1, 0).float(),
        (left, side - width - left, top, side - height - top),
        value=WHITE,
    )
    return F.interpolate(whole[None], (size, size), mode="bilinear", antialias=True, align_corners=False)[0]
