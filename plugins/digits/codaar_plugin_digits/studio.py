"""From events to features: pools, tables and front ends, made on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from codaar_plugin_digits.captions import FILLERS, captions
from codaar_plugin_digits.clips import Pictures, Rows, Track
from codaar_plugin_digits.images import Images, PatchMap, load_images, pictures
from codaar_plugin_digits.previews import Shown, ShownPictures, ShownSounds, ShownWords
from codaar_plugin_digits.speech import Speech, sound_table
from codaar_plugin_digits.streams import stream
from codaar_plugin_digits.timelines import BACKGROUND, SECONDS, takes
from codaar_plugin_digits.words import DIGITS, NOTHING, embed

VOCABULARY = (*DIGITS, NOTHING, *FILLERS)  # an event is the row of its word


class Studio:
    """Makes the tracks of a split; each split has its own noise and its own choice from its pool.

    Args:
        speech: Source of spoken digits.
        front_end: From sounds of one second (N, 8000) to features (N, width).
        seed: Seed of all random values.
        patches: Channels of video.
        words: Width of a word vector.
        validation: Whether the test pool of images is a held-out part of the training pool.
    """

    def __init__(
        self,
        speech: Speech,
        front_end: Callable[[Tensor], Tensor],
        seed: int,
        patches: int,
        words: int,
        validation: bool = False,
    ) -> None:
        self.speech = speech
        self.front_end = front_end
        self.seed = seed
        self.patches = patches
        self.validation = validation
        self.words = embed(VOCABULARY, words)

    @property
    def makers(self) -> dict[str, Callable[[str, str, np.ndarray], tuple[Track, Shown]]]:
        """By modality: (split, pool, events (clips, SECONDS)) -> track, and what the clips are like."""
        return {"audio": self.audio, "video": self.video, "text": self.text}

    def audio(self, split: str, pool: str, events: np.ndarray) -> tuple[Rows, ShownSounds]:
        """Audio of the events, with another recording every second."""
        random = stream(self.seed, split, "audio")
        mean, deviation = self.moments
        table = (sound_table(self.speech, pool, random, self.front_end) - mean) / deviation
        variations = table.shape[1]
        chosen = takes(random, len(events), variations)
        rows = torch.from_numpy(events * variations + chosen)
        shown = ShownSounds(self.speech, self.seed, split, pool, events, chosen)
        return Rows(table.flatten(0, 1), rows), shown

    def video(self, split: str, pool: str, events: np.ndarray) -> tuple[Pictures, ShownPictures]:
        """Video of the events, with another image every second."""
        random = stream(self.seed, split, "video")
        drawn = pictures(getattr(self.images, pool), events, random)
        return Pictures(drawn, self.patch_map), ShownPictures(drawn, events)

    def text(self, split: str, pool: str, events: np.ndarray) -> tuple[Rows, ShownWords]:
        """Text of the events, one word per second."""
        rows = torch.from_numpy(events)
        return Rows(self.words, rows), ShownWords(VOCABULARY, rows)

    def captions(self, events: np.ndarray) -> tuple[Rows, ShownWords]:
        """Five captions of each clip that name its digits in order: (5 clips, SECONDS), with a mask."""
        texts = [text for row in events for text in captions(dict.fromkeys(row[row != BACKGROUND].tolist()))]
        length = torch.tensor([len(text) for text in texts])
        rows = torch.tensor([[VOCABULARY.index(word) for word in padded(text)] for text in texts])
        mask = torch.arange(SECONDS) < length.unsqueeze(1)
        return Rows(self.words, rows, mask), ShownWords(VOCABULARY, rows, mask)

    @cached_property
    def images(self) -> Images:
        """Both pools of images."""
        return load_images(stream(self.seed, "images"), self.validation)

    @cached_property
    def patch_map(self) -> PatchMap:
        """The front end of video, fitted to the training pool."""
        training = torch.from_numpy(self.images.train).flatten(0, 1)
        return PatchMap(training, self.patches, stream(self.seed, "patches"))

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of every audio feature over the training pool."""
        table = sound_table(self.speech, "train", stream(self.seed, "moments"), self.front_end)
        return table.mean((0, 1)), table.std((0, 1))


def padded(text: list[str]) -> list[str]:
    """Fill a text up to SECONDS words."""
    return text + [NOTHING] * (SECONDS - len(text))
