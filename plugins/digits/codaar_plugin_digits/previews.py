"""What a clip is like in one second: the digit as it is written, spoken and spelled."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from codaar_core.api import Picture, Preview, Sound, Words
from codaar_plugin_digits.spectrum import RATE
from codaar_plugin_digits.speech import Speech, sounds
from codaar_plugin_digits.streams import stream
from codaar_plugin_digits.timelines import BACKGROUND
from codaar_plugin_digits.words import DIGITS

GAIN = 4.0  # of previews: speech in the data is at one twentieth of full scale


class Shown(Protocol):
    """One modality of all clips, for people."""

    def preview(self, clip: int, second: int) -> Preview | None:
        """A clip in one second; None after its end."""


class ShownWords(NamedTuple):
    """The word of each second."""

    vocabulary: Sequence[str]
    rows: Tensor  # (clips, T) in the vocabulary
    mask: Tensor | None = None  # (clips, T)

    def preview(self, clip: int, second: int) -> Words | None:
        """The word."""
        if self.mask is not None and not bool(self.mask[clip, second]):
            return None
        return Words(self.vocabulary[int(self.rows[clip, second])])


class ShownPictures(NamedTuple):
    """The picture of each second, with its noise."""

    pictures: Tensor  # (clips, T, 8, 8) from 0 to 1
    events: np.ndarray  # (clips, T)

    def preview(self, clip: int, second: int) -> Picture:
        """The picture, in its own few pixels."""
        pixels = (self.pictures[clip, second].numpy() * 255).round().astype(np.uint8)
        return Picture(png(pixels), named("handwritten", int(self.events[clip, second])))


class ShownSounds:
    """The sound of each second, with its noise; made again on first use, because a split keeps features only.

    Args:
        speech: Source of spoken digits.
        seed: Seed of the data.
        split: Name of the split.
        pool: Pool of recordings.
        events: Event of each second (clips, T).
        takes: Number of the recording in each second (clips, T).
    """

    def __init__(self, speech: Speech, seed: int, split: str, pool: str, events: np.ndarray, takes: np.ndarray) -> None:
        self.speech, self.seed, self.split, self.pool = speech, seed, split, pool
        self.events, self.takes = events, takes

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "samples"}

    @cached_property
    def samples(self) -> list[np.ndarray]:
        """Samples of all recordings (R, 8000) of each event, 8 bit."""
        made = sounds(self.speech, self.pool, stream(self.seed, self.split, "audio"))
        return [(128 + 127 * np.clip(GAIN * waves.numpy(), -1, 1)).round().astype(np.uint8) for waves in made]

    def preview(self, clip: int, second: int) -> Sound:
        """The sound."""
        event = int(self.events[clip, second])
        return Sound(wav(self.samples[event][self.takes[clip, second]]), named("spoken", event))


def named(how: str, event: int) -> str:
    """Describe an event for readers who cannot see or hear it."""
    return "noise without a digit" if event == BACKGROUND else f"{how} {DIGITS[event]}"


def wav(samples: np.ndarray) -> bytes:
    """A WAV file of samples (N,) of 8 bit at ``RATE``."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of grey pixels (H, W) of 8 bit."""
    height, width = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
