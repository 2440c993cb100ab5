"""Frames resized to the input size of VGG, and the choice of frames of the published features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import DataError
from codaar_core.features import opened_recording

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

INSTALL = "codaar-plugin-vgg[media]"
SIZE = 224  # pixels
SAMPLES = 16  # frames read of each second


def sampled(frames: int, seconds: int) -> list[int]:
    """Numbers of the frames to read: sixteen for each of ``seconds`` parts, in order.

    As in the author's script of the AVE features: a part has ``int(frames / seconds)`` frames, and frames repeat where
    it has fewer than sixteen. A recording of any length becomes ``seconds`` parts of equal length.
    """
    interval = frames // seconds
    return [int(part * interval + i / SAMPLES * interval) for part in range(seconds) for i in range(SAMPLES)]


def count_frames(path: Path) -> int:
    """Count the frames of a recording by decoding all of them: the count in a header may be wrong.

    Raises:
        DataError: As ``read_frames``.
    """
    with opened_recording(path, INSTALL) as container:
        return sum(1 for _ in _decoded(container, path))


def read_frames(path: Path, wanted: Sequence[int]) -> Iterator[Tensor]:
    """Yield some frames, each (3, 224, 224) uint8 in RGB; only one is in memory at a time.

    Args:
        path: Any file with pictures that ffmpeg reads.
        wanted: Numbers of frames, ascending; a repeated number repeats its frame.

    Raises:
        DataError: The file is missing, damaged or has no picture, or PyAV is not installed.
    """
    times = Counter(wanted)
    with opened_recording(path, INSTALL) as container:
        for number, frame in enumerate(_decoded(container, path)):
            if number in times:
                yield from [as_input(frame.to_ndarray(format="rgb24"))] * times[number]
            if number >= wanted[-1]:
                return


def as_input(picture: np.ndarray) -> Tensor:
    """Resize a picture (H, W, 3) uint8 in RGB to (3, 224, 224)."""
    return squashed(torch.from_numpy(picture).movedim(-1, 0))


def squashed(picture: Tensor) -> Tensor:
    """Resize (3, H, W) uint8 to (3, 224, 224): bilinear, without antialiasing, crop or regard to the aspect ratio."""
    resized = F.interpolate(picture[None].float(), (SIZE, SIZE), mode="bilinear", align_corners=False)
    return resized[0].round().to(torch.uint8)


def _decoded(container: InputContainer, path: Path) -> Iterator[VideoFrame]:
    if not container.streams.video:
        raise DataError(f"{path} has no pictures")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DataError(f"{path}: the codec of its pictures is unknown")
    stream.thread_type = "AUTO"
    return container.decode(stream)
