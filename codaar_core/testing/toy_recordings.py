"""Recordings to try extractors on: noise as .wav and .png without any library, and films by PyAV."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

RATE = 8_000  # samples a second
FILM_RATE = 16_000  # samples a second of the sound of films
TICK = Fraction(1, 1000)  # seconds: unit of the timestamps of pictures
Colour = tuple[int, int, int]
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


def write_film(
    path: Path,
    times: Sequence[float],
    seen: Callable[[float], Colour],
    heard: Callable[[np.ndarray], np.ndarray] | None = None,
    sound: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write a film whose pictures have one colour each, by PyAV; .mkv and .mov keep pictures and sound exactly.

    Args:
        path: Its suffix decides the format.
        times: Timestamps of the pictures in seconds, ascending.
        seen: Colour of the picture of a time, RGB.
        heard: Samples in -1..1 of times (N,); None: a film without sound.
        sound: First and last second of the sound.
    """
    import av

    codecs = {".mkv": ("ffv1", "bgr0"), ".mov": ("png", "rgb24"), ".mpg": ("mpeg2video", "yuv420p")}
    codec, layout = codecs.get(path.suffix, ("mpeg4", "yuv420p"))
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(codec, rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = SIZE, SIZE, layout
        pictures.codec_context.time_base = TICK if path.suffix != ".mpg" else Fraction(1, 25)
        voice: Any = None
        if heard is not None:
            codec = (
                "pcm_s16le" if path.suffix in (".mkv", ".mov", ".avi") else "mp2" if path.suffix == ".mpg" else "aac"
            )
            voice = container.add_stream(codec, rate=FILM_RATE, layout="mono")
        for time in times:
            frame: Any = av.VideoFrame.from_ndarray(np.full((SIZE, SIZE, 3), seen(time), np.uint8), "rgb24")
            frame.pts, frame.time_base = round(time / TICK), TICK
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if heard is not None:
            _add_sound(container, voice, heard, sound)


def _add_sound(
    container: Any, voice: Any, heard: Callable[[np.ndarray], np.ndarray], sound: tuple[float, float]
) -> None:
    import av

    first, last = (round(second * FILM_RATE) for second in sound)
    for start in range(first, last, 1024):
        times = np.arange(start, min(start + 1024, last)) / FILM_RATE
        samples = (heard(times) * 32_767).round().astype(np.int16)
        frame: Any = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = FILM_RATE, start, Fraction(1, FILM_RATE)
        container.mux(voice.encode(frame))
    container.mux(voice.encode(None))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


WRITERS: dict[str, Callable[[Path, int], None]] = {".wav": write_wav, ".png": write_png}
"""By suffix: what an extractor can be tried on."""
