"""Predicted and true maps of clips, as pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from codaar_core.api import DataError, Picture, Split
from codaar_core.report.atlas.predictions import Archive, Pair, spread

CLIPS = 4  # shown for each transfer
SIDE = 112  # most pixels of a side; larger maps are thinned out
SMALLEST = 4  # pixels of a side; smaller arrays are not maps
KINDS = {1: 0, 3: 2}  # channels -> colour type of PNG
TINT = np.array([230, 60, 30], np.float64)  # of the foreground


class MaskedFrame(NamedTuple):
    """One frame: as it is (None if the benchmark gives none), with the true and with the predicted map."""

    frame: Picture | None
    truth: Picture
    predicted: Picture


def is_map(shape: tuple[int, ...], predicted: tuple[int, ...]) -> bool:
    """Whether arrays (N, H, W) or (N, frames, H, W) are maps."""
    return shape == predicted and len(shape) in (3, 4) and min(shape[-2:]) >= SMALLEST and shape[0] > 0


def masks(archive: Archive, pair: Pair, split: Split | None) -> Iterator[tuple[int, list[MaskedFrame]]]:
    """Read the maps of a few clips evenly spaced over the split: index of the clip, its frames."""
    target = f"target/{pair.test}"
    wanted = spread(archive.shape(target)[0], CLIPS)
    true, predicted = archive.rows(target, wanted), archive.rows(f"{pair.train}->{pair.test}", wanted)
    if true.ndim == 3:
        true, predicted = true[:, None], predicted[:, None]
    for clip, truth, prediction in zip(wanted, true, predicted, strict=True):
        frames = frames_of(split, clip, truth.shape)
        yield clip, [_frame(*each) for each in zip(frames, _share(truth), _share(prediction), strict=True)]


def frames_of(split: Split | None, clip: int, shape: tuple[int, ...]) -> list[np.ndarray | None]:
    """Pictures (H, W, 3) from 0 to 1 that the maps (frames, H, W) of a clip lie over; None without pictures."""
    try:
        given = None if split is None else split.given([clip])
    except DataError:
        given = None
    if given is None or tuple(given.shape[1:]) != (shape[0], 3, *shape[1:]):
        return [None] * shape[0]
    values = given[0].double().numpy().transpose(0, 2, 3, 1)
    low, high = values.min(), values.max()
    return list((values - low) / ((high - low) or 1.0))


def _share(maps: np.ndarray) -> np.ndarray:
    """Maps from 0 to 1, thinned out."""
    stride = -(-max(maps.shape[-2:]) // SIDE)
    full = 255.0 if maps.dtype == np.uint8 and maps.max(initial=0) > 1 else 1.0
    return np.nan_to_num(maps[..., ::stride, ::stride].astype(np.float64) / full).clip(0, 1)


def _frame(frame: np.ndarray | None, truth: np.ndarray, predicted: np.ndarray) -> MaskedFrame:
    if frame is None:
        grey = np.zeros((*truth.shape, 3))
        return MaskedFrame(None, _tinted(grey, truth, "truth"), _tinted(grey, predicted, "prediction"))
    stride = -(-max(frame.shape[:2]) // SIDE)
    thin = frame[::stride, ::stride]
    plain = Picture(png((thin * 255).round()), "frame")
    return MaskedFrame(plain, _tinted(thin, truth, "truth"), _tinted(thin, predicted, "prediction"))


def _tinted(frame: np.ndarray, share: np.ndarray, alt: str) -> Picture:
    strength = 0.65 * share[..., None]
    pixels = 255 * frame * (1 - strength) + TINT * strength
    return Picture(png(pixels.round()), f"{alt}: {share.mean():.0%} of the frame")


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of 8-bit pixels: (H, W) in grey, or (H, W, 3) in red, green and blue."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    channels = rows.shape[1] // width
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, KINDS[channels], 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(unfiltered.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
