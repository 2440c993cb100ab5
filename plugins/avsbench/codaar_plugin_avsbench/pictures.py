"""Frames and masks: PNG files -> arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG")  # others run programs or read several files
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, R G B
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
GRAY = ("1", "L", "I", "I;16", "I;16B")  # modes of Pillow
PALETTES = ("P", "PA")
FOREGROUND = (1, 255, 65_535)  # in gray masks: 0/1, or the largest value of eight or sixteen bits
COLOURS = 1 << 24
MOST_LISTED = 5


def read_frame(path: Path, side: int) -> np.ndarray:
    """Read a picture as (3, side, side) float32, normalised as ImageNet networks expect it."""
    return ((read_pixels(path, "RGB", side).astype(np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def read_mask(path: Path, side: int) -> np.ndarray:
    """Read a mask as (side, side) uint8: 255 in the foreground, 0 elsewhere.

    Black and transparent pixels are background. The foreground of a gray picture has one of the values ``FOREGROUND``,
    that of a coloured picture or a palette any one colour.

    Raises:
        DataError: The file is missing, damaged, of another size, or no mask.
    """
    shown = _read(path, side, partial(_shown, path))
    levels = np.unique(shown[shown > 0]).tolist()
    if len(levels) > 1 or any(level not in FOREGROUND for level in levels if level < COLOURS):
        listed = ", ".join(map(_name, levels[:MOST_LISTED])) + (", ..." if len(levels) > MOST_LISTED else "")
        raise DataError(
            f"{path} is no mask: beside black it shows {listed}",
            "the foreground has one value: 1 or 255, or one colour",
        )
    return np.where(shown > 0, np.uint8(255), np.uint8(0))


def read_pixels(path: Path, mode: str, side: int) -> np.ndarray:
    """Read a picture in a mode of Pillow.

    Raises:
        DataError: The file is missing, damaged, or of another size.
    """
    return _read(path, side, lambda picture: np.asarray(picture.convert(mode)))


def _read(path: Path, side: int, decode: Callable[[Image], np.ndarray]) -> np.ndarray:
    """Open a picture of ``side`` x ``side`` pixels and decode it."""
    from PIL import Image

    try:
        with open_regular(path) as file, Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            # checked before the picture is decoded, because a small file can state any size
            pixels = decode(picture) if (width, height) == (side, side) else None
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


def _shown(path: Path, picture: Image) -> np.ndarray:
    """What is seen in each pixel, (H, W) int64: 0 for black or transparent, a gray level, or from COLOURS on a colour.

    Grays of a palette are colours, too, because its values are not those of a mask.
    """
    if picture.mode in GRAY and "transparency" not in picture.info:
        return np.asarray(picture).astype(np.int64)
    red, green, blue, alpha = np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0).astype(np.int64)
    colour = (red << 16) + (green << 8) + blue
    is_gray = (red == green) & (green == blue) & (picture.mode not in PALETTES)
    levels = np.where(is_gray, red, np.where(colour > 0, COLOURS + colour, 0))
    if not np.isin(alpha, (0, 255)).all():
        raise DataError(f"{path} is no mask: it has half-transparent pixels", "make them opaque or transparent")
    if (alpha == 0).any() and (alpha > 0).any() and not levels[alpha > 0].any():
        raise DataError(f"{path} is no mask: it is black and transparent", "make the foreground white")
    return np.where(alpha > 0, levels, 0)


def _name(level: int) -> str:
    return f"#{level - COLOURS:06x}" if level >= COLOURS else str(level)


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
