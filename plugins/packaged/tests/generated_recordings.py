"""Pictures and tones to try extractors on."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np

SHAPE = (40, 60)  # rows and columns


def write_picture(path: Path, kind: int, number: int) -> None:
    """A bar on transparent ground: upright and red, or flat and blue; the right half of the picture is transparent."""
    rows, columns = SHAPE
    pixels = np.zeros((rows, columns, 4), np.uint8)
    bar = (slice(None), slice(5, 15)) if kind else (slice(10, 20), slice(0, columns // 2))
    pixels[bar] = (20, 10 * number, 220, 255) if kind else (220, 10 * number, 20, 255)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = columns, rows, "rgba"
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
    path.write_bytes(b"".join(bytes(packet) for each in (frame, None) for packet in encoder.encode(each)))


def write_tone(path: Path, pitch: float, seconds: float, rate: int = 16_000) -> None:
    """A .wav file with a tone."""
    samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
