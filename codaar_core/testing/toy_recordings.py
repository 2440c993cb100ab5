"""Recordings to try extractors on: a second or more of noise as .wav, noise as a .png; both without any library."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 8_000  # samples a second
SECONDS = 3
SIZE = 48  # pixels


def write_wav(path: Path, seed: int) -> None:
    """Write three seconds of noise in two channels."""
    noise = np.random.default_rng(seed).integers(-8_000, 8_000, (SECONDS * RATE, 2), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(noise.tobytes())


def write_png(path: Path, seed: int) -> None:
    """Write a picture of noise in three colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each begins with its filter: none
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)  # eight bits, three colours
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


WRITERS: dict[str, Callable[[Path, int], None]] = {".wav": write_wav, ".png": write_png}
"""By suffix: what an extractor can be tried on."""
