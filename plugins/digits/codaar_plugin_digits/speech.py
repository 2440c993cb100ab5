"""Spoken digits with noise: one voice in many variations, or six speakers of the Free Spoken Digit Dataset."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from torch import Tensor

from codaar_core.api import DataError
from codaar_plugin_digits.spectrum import RATE

LOUDNESS = 0.05  # root mean square of speech; full scale is 1
LEVEL = (-6.0, 6.0)  # dB, of speech to LOUDNESS
NOISE = (-50.0, -20.0)  # dB, of noise to LOUDNESS
VARIATIONS = 2  # of each training recording of SpokenDigitDataset, because four speakers are few


class Speech(Protocol):
    """A source of spoken digits with two disjoint pools."""

    def seconds(self, pool: str, random: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield recordings (R, 8000) of one second at about LOUDNESS for each digit; R is the same for all digits."""


class OneVoice:
    """The ten recordings that the package ``captcha`` carries, each spoken at many pitches and rates.

    The range of pitch is divided into bands that alternate between the pools, so that their variations are disjoint.

    Args:
        validation: Whether the test pool is one third of every training band, which is then not in the training pool.
    """

    variations = 100  # of each digit, drawn anew for each split
    pitch = (0.8, 1.25)  # times the recorded one
    rate = (0.75, 1.3)
    bands = 8

    def __init__(self, validation: bool = False) -> None:
        self.validation = validation

    def seconds(self, pool: str, random: np.random.Generator) -> Iterator[np.ndarray]:
        """Variations of each digit; see ``Speech``."""
        folder = files("captcha").joinpath("data")
        for digit in range(10):
            with folder.joinpath(str(digit), "default.wav").open("rb") as file:
                recording = read_wave(file, f"captcha/data/{digit}/default.wav")
            yield respoken(loud(recording), *self.voices(pool, random))

    def voices(self, pool: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw pitch and rate of every variation, each (R,)."""
        low, high = self._part_of_two_bands(pool)
        band = 2 * random.integers(self.bands // 2, size=self.variations)
        height = (band + low + (high - low) * random.random(self.variations)) / self.bands
        return between(self.pitch, height), between(self.rate, random.random(self.variations))

    def _part_of_two_bands(self, pool: str) -> tuple[float, float]:
        if self.validation:
            return (2 / 3, 1.0) if pool == "test" else (0.0, 2 / 3)
        return (1.0, 2.0) if pool == "test" else (0.0, 1.0)


class SpokenDigitDataset:
    """The Free Spoken Digit Dataset in three folds of two test speakers each, in alphabetical order.

    Args:
        root: Folder with ``recordings/{digit}_{speaker}_{index}.wav``.
        fold: 0, 1 or 2.
        validation: Whether the test pool is the first of the four other speakers; the two test speakers are not used.
        variations: Of pitch and rate, of each training recording, in addition to it.
    """

    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    takes = 50  # recordings of each digit by each speaker
    pitch = (0.8, 1.25)  # times the recorded one
    rate = (0.8, 1.25)

    def __init__(self, root: str, fold: int, validation: bool = False, variations: int = VARIATIONS) -> None:
        self.variations = variations
        self.recordings = Path(root).expanduser() / "recordings"
        kept = self.speakers[2 * fold : 2 * fold + 2]
        others = tuple(speaker for speaker in self.speakers if speaker not in kept)
        self.held_out = others[:1] if validation else kept
        self.trained_on = others[1:] if validation else others

    def seconds(self, pool: str, random: np.random.Generator) -> Iterator[np.ndarray]:
        """Every recording of the pool's speakers, in training also at other pitches and rates; see ``Speech``."""
        if not self.recordings.is_dir():
            raise DataError(
                f"no Free Spoken Digit Dataset in {self.recordings.parent}: {self.recordings} is not a folder",
                "get it from https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0) and set root to "
                'its folder; or use the installed voice: speech = "captcha"',
            )
        for digit in range(10):
            recordings = [loud(self.read(digit, *take)) for take in self.cast(pool)]
            spoken = [centred(recording)[None] for recording in recordings]
            more = [self.vary(recording, random) for recording in recordings] if pool == "train" else []
            yield np.concatenate(spoken + more)

    def vary(self, recording: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """A recording at other pitches and rates: (variations, 8000)."""
        pitch, rate = (between(limits, random.random(self.variations)) for limits in (self.pitch, self.rate))
        return respoken(recording, pitch, rate)

    def cast(self, pool: str) -> list[tuple[str, int]]:
        """Speakers and takes of a pool."""
        speakers = self.held_out if pool == "test" else self.trained_on
        return [(speaker, take) for speaker in speakers for take in range(self.takes)]

    def read(self, digit: int, speaker: str, take: int) -> np.ndarray:
        """Read one recording."""
        path = self.recordings / f"{digit}_{speaker}_{take}.wav"
        if not path.is_file():
            raise DataError(f"the Free Spoken Digit Dataset lacks {path}", "get the complete folder again")
        with path.open("rb") as file:
            return read_wave(file, str(path))


def sound_table(
    speech: Speech, pool: str, random: np.random.Generator, front_end: Callable[[Tensor], Tensor]
) -> Tensor:
    """Features of a pool (11, R, width), of which the last row has only noise; see ``front_ends``."""
    return torch.stack([front_end(waves) for waves in sounds(speech, pool, random)])


def sounds(speech: Speech, pool: str, random: np.random.Generator) -> Iterator[Tensor]:
    """Yield the sounds (R, 8000) of each digit with their noise, then those of noise alone."""
    count = 0
    for waves in speech.seconds(pool, random):
        count = len(waves)
        yield noisy(waves, random)
    yield noisy(np.zeros((count, RATE), np.float32), random)


def read_wave(file: IO[bytes], name: str) -> np.ndarray:
    """Read 8 kHz mono sound of 8 or 16 bit as float32 in -1..1."""
    try:
        with wave.open(file) as sound:
            form = (sound.getnchannels(), sound.getframerate(), sound.getsampwidth())
            data = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(f"{name} is not a readable wav file: {error}", "get it again") from error
    if not data:
        raise DataError(f"{name} has no samples", "get it again")
    if form == (1, RATE, 1):
        return np.frombuffer(data, np.uint8).astype(np.float32) / 128 - 1
    if form == (1, RATE, 2):
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768
    raise DataError(f"{name} has (channels, rate, bytes) {form}; it must be mono, {RATE} Hz, 8 or 16 bit")


def between(limits: tuple[float, float], share: np.ndarray) -> np.ndarray:
    """Go the ``share`` (0..1) of the way between two factors, on a logarithmic scale."""
    low, high = limits
    return low * (high / low) ** share


def loud(recording: np.ndarray) -> np.ndarray:
    """Bring a recording to LOUDNESS."""
    return LOUDNESS * recording / np.sqrt((recording**2).mean())


def centred(recording: np.ndarray) -> np.ndarray:
    """Bring a recording to one second: cut both ends, or add silence to both."""
    surplus = max(len(recording) - RATE, 0)
    kept = recording[surplus // 2 : surplus // 2 + RATE]
    before = (RATE - len(kept)) // 2
    return np.pad(kept, (before, RATE - len(kept) - before))


def respoken(recording: np.ndarray, pitch: np.ndarray, rate: np.ndarray, grain: int = 400) -> np.ndarray:
    """Change pitch and rate (each (R,)) of a recording: (R, 8000), by grains of 50 ms that overlap by half.

    A grain is read ``pitch`` times as fast; grains follow each other in the recording at ``rate`` times their distance.
    """
    hop = grain // 2
    middles = np.arange(0, RATE + hop, hop) - RATE / 2
    within = np.arange(grain) - hop
    starts = rate[:, None] * middles + len(recording) / 2
    places = starts[:, :, None] + pitch[:, None, None] * within
    grains = np.interp(places, np.arange(len(recording)), recording, left=0, right=0).astype(np.float32)
    grains *= np.hanning(grain + 1)[:grain].astype(np.float32)
    first, second = grains[:, :-1, hop:], grains[:, 1:, :hop]
    return (first + second).reshape(len(pitch), RATE)


def noisy(waves: np.ndarray, random: np.random.Generator) -> Tensor:
    """Vary the level of each sound and add its own noise floor."""
    level = decibels(random.uniform(*LEVEL, (len(waves), 1)))
    floor = LOUDNESS * decibels(random.uniform(*NOISE, (len(waves), 1)))
    noise = random.standard_normal(waves.shape, np.float32)
    return torch.from_numpy((level * waves + floor * noise).astype(np.float32))


def decibels(value: np.ndarray) -> np.ndarray:
    """Turn a level in dB into a factor of amplitude."""
    return 10 ** (value / 20)
