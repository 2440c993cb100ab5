"""Frames and masks: PNG files -> arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import open_regular

FORMATS = ("PNG", "JPEG")  # others run programs or read several files
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, R G B
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def read_frame(path: Path, side: int) -> np.ndarray:
    """Read a picture as (3, side, side) float32, normalised as ImageNet networks expect it."""
    return ((read_pixels(path, "RGB", side).astype(np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def read_mask(path: Path, side: int) -> np.ndarray:
    """Read a mask as (side, side) uint8: 255 in the foreground, 0 elsewhere."""
    return np.where(read_pixels(path, "L", side) > 127, np.uint8(255), np.uint8(0))


def read_pixels(path: Path, mode: str, side: int) -> np.ndarray:
    """Read a picture in a mode of Pillow.

    Raises:
        DataError: The file is missing, damaged, or of another size.
    """
    from PIL import Image

    try:
        with open_regular(path) as file, Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            # checked before the picture is decoded, because a small file can state any size
            pixels = np.asarray(picture.convert(mode)) if (width, height) == (side, side) else None
    except DataError:
        raise
    except Exception as error:  # Pillow raises any exception on damaged files
        told = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is no complete picture: {told}", "fetch this file again") from error
    if pixels is None:
        raise DataError(
            f"{path} has {width} x {height} pixels, expected {side} x {side}",
            "pictures of AVSBench-S4 are 224 x 224; if all pictures have another size, set side",
        )
    return pixels


@attrs.frozen
class MaskTrack:
    """True masks of clips, (M, side, side) uint8 each."""

    paths: Sequence[Sequence[Path]] = attrs.field(repr=False)
    side: int

    def read(self, clip: int) -> np.ndarray:
        """Read the masks of one clip."""
        return np.stack([read_mask(path, self.side) for path in self.paths[clip]])

    def absent(self) -> list[Path]:
        """Files that do not exist."""
        return [path for paths in self.paths for path in paths if not path.is_file()]
