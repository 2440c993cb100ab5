"""Data source "digits": AVT-Digits, real handwritten digits, spoken digits and words in clips of ten seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import attrs
import numpy as np
import torch
from attrs.validators import and_, deep_iterable, ge, in_, le, max_len, min_len
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Card, ComponentError, DataContext, DataError, DataSource, Space, setting
from codaar_plugin_digits import timelines
from codaar_plugin_digits.clips import Clips, Lacking, Rows
from codaar_plugin_digits.front_ends import FRONT_ENDS
from codaar_plugin_digits.images import CELLS, TEST, TRAIN, VALIDATION
from codaar_plugin_digits.speech import VARIATIONS, OneVoice, Speech, SpokenDigitDataset
from codaar_plugin_digits.streams import stream
from codaar_plugin_digits.studio import Studio
from codaar_plugin_digits.timelines import BACKGROUND, LISTINGS, SECONDS, Tracks

CAPTIONS = "retrieval/captions"
_FSDD = "the Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0)"
_pair: Callable[..., None] = and_(min_len(2), max_len(2), deep_iterable(ge(1)))


class Part(NamedTuple):
    """A split: its pool, its events and its labels."""

    pool: str  # "train" or "test"
    clips: int
    events: Callable[[np.random.Generator, int], Tracks]
    label: Callable[[Tensor], Tensor] | None = None  # (clips, SECONDS) events of a modality -> its targets


class Digits(DataSource):
    """AVT-Digits: real digits as images, speech and words in clips of ten seconds, without a download.

    Splits: "pretrain", "classification/train" and "/test", "localization/train" and "/test", "retrieval/test" and,
    with words only, "retrieval/captions". Test splits have their own images and variations of the voice (or speakers).
    Everything is determined by ``seed``, with a random stream per part; nothing is read or made before a split is
    opened.
    """

    card = Card(
        title="AVT-Digits",
        licence="images: UCI optdigits as in scikit-learn (BSD-3-Clause); speech: captcha (BSD-3-Clause), or "
        "the Free Spoken Digit Dataset (CC BY-SA 4.0) where the recipe asks for it",
        how_to_get=f'comes with this package; speech = "fsdd" needs {_FSDD}',
        homepage="https://archive.ics.uci.edu/dataset/80",
    )

    example: ClassVar = {"pretrain": 40, "classification": (40, 40), "localization": (20, 20), "retrieval": 20}
    examples: ClassVar = (
        {"validation": True, "paired": 0.5, "lacks": "audio"},
        {"speech": "fsdd", "root": "free-spoken-digit-dataset", "variations": 0, "sound": "embedding"},
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of AVT-Digits."""

        speech: Literal["captcha", "fsdd"] = setting(
            "captcha", "captcha: one voice from an installed package; fsdd: six speakers, needs `root`"
        )
        root: str | None = setting(None, 'folder with `recordings/`, for speech = "fsdd"')
        variations: int = setting(
            VARIATIONS, 'variations of pitch and rate of each training recording, beside it, for speech = "fsdd"', ge(0)
        )
        sound: Literal["log-mel", "embedding"] = setting(
            "log-mel", "features of sound; embedding: of a speech network, which codaar-plugin-digits[speech] installs"
        )
        fold: int = setting(0, 'which two speakers are for testing, 0 to 2, for speech = "fsdd"', in_((0, 1, 2)))
        seed: int = setting(2026, "seed of the data, independent of the seed of a run", ge(0))
        validation: bool = setting(
            False, "whether test splits use a held-out part of the training pools, for the choice of settings"
        )
        patches: int = setting(64, "channels of video: entries of the patch dictionary", and_(ge(2), le(1024)))
        words: int = setting(64, "width of a word vector", ge(1))
        pretrain: int = setting(2000, "number of clips for pretraining", ge(1))
        paired: float = setting(
            1.0, "share of the clips for pretraining that have all modalities", and_(ge(0.0), le(1.0))
        )
        lacks: Literal["text", "audio", "video"] = setting(
            "text", "modality that all other clips for pretraining lack; paired < 1 only"
        )
        classification: tuple[int, ...] = setting((800, 600), "number of training clips and of test clips", _pair)
        localization: tuple[int, ...] = setting((500, 300), "number of training clips and of test clips", _pair)
        retrieval: int = setting(
            500, "number of clips to retrieve, each with five captions", and_(ge(1), le(len(LISTINGS)))
        )

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        if config.speech == "fsdd" and config.root is None:
            raise ComponentError('speech = "fsdd" needs `root`, the folder of its recordings', f"set root to {_FSDD}")
        if config.paired < 1 and context.modalities and config.lacks not in context.modalities:
            raise ComponentError(
                f"clips cannot lack {config.lacks}: the model has no such modality",
                f"set lacks to one of {', '.join(context.modalities)}",
            )
        self.modalities = context.modalities
        self._opened: dict[str, Clips] = {}

    @property
    def spaces(self) -> Mapping[str, Space]:
        """One step per second."""
        return {
            "audio": Space((FRONT_ENDS[self.config.sound].width,), SECONDS),
            "video": Space((CELLS, CELLS, self.config.patches), SECONDS),
            "text": Space((self.config.words,), SECONDS),
        }

    @property
    def origin(self) -> str:
        """Speech, front end of sound, number of images per pool, and seed."""
        speech = f"fsdd fold {self.config.fold}" if self.config.speech == "fsdd" else "captcha"
        if self.config.speech == "fsdd" and self.config.variations != VARIATIONS:
            speech += f" with {self.config.variations} variations"
        if self.config.sound != "log-mel":
            speech += f", as {self.config.sound}"
        if self.config.validation:
            images = f"load_digits {10 * (TRAIN - VALIDATION)} train / {10 * VALIDATION} validation images"
        else:
            images = f"load_digits {10 * TRAIN} train / {10 * TEST} test images"
        lacking = f", {1 - self.config.paired:.0%} of pretraining without {self.config.lacks}"
        whole = self.config.paired == 1
        return f"AVT-Digits: speech {speech}, {images}, data seed {self.config.seed}{'' if whole else lacking}"

    def split(self, name: str) -> Clips:
        """Open a split; later calls return the same object."""
        known = [*self._parts, CAPTIONS]
        if name not in known:
            raise DataError(f"digits has no split {name!r}", f"it has {', '.join(known)}")
        if name not in self._opened:
            self._opened[name] = self._captions() if name == CAPTIONS else self._clips(name)
        return self._opened[name]

    def synthetic(self, clips: int, seed: int) -> Clips:
        """Clips of random rows of a small random table."""
        generator = torch.Generator().manual_seed(seed)
        tracks = {}
        for modality, space in self.spaces.items():
            table = torch.randn(100, *space.shape, generator=generator)
            tracks[modality] = Rows(table, torch.randint(len(table), (clips, SECONDS), generator=generator))
        return Clips(tracks, {}, clips).only(*self.modalities)

    @cached_property
    def _parts(self) -> dict[str, Part]:
        config = self.config
        (class_train, class_test), (local_train, local_test) = config.classification, config.localization
        return {
            "pretrain": Part("train", config.pretrain, timelines.pretraining),
            "classification/train": Part("train", class_train, timelines.classification, clip_labels),
            "classification/test": Part("test", class_test, timelines.classification, clip_labels),
            "localization/train": Part("train", local_train, timelines.localization, segment_labels),
            "localization/test": Part("test", local_test, timelines.localization, segment_labels),
            "retrieval/test": Part("test", config.retrieval, timelines.retrieval, items),
        }

    @cached_property
    def _studio(self) -> Studio:
        config = self.config
        if config.speech == "captcha":
            speech: Speech = OneVoice(config.validation)
        else:
            speech = SpokenDigitDataset(config.root, config.fold, config.validation, config.variations)
        front_end = FRONT_ENDS[config.sound].features
        return Studio(speech, front_end, config.seed, config.patches, config.words, config.validation)

    def _events(self, name: str) -> Tracks:
        part = self._parts[name]
        return part.events(stream(self.config.seed, name, "events"), part.clips)

    def _clips(self, name: str) -> Clips:
        part, (heard, seen) = self._parts[name], self._events(name)
        events = {"audio": heard, "video": seen, "text": heard}
        shown = [modality for modality in events if modality in self.modalities]
        made = {m: self._studio.makers[m](name, part.pool, events[m]) for m in shown}
        targets = {m: part.label(torch.from_numpy(events[m])) for m in shown} if part.label else {}
        tracks, previews = ({m: each[place] for m, each in made.items()} for place in (0, 1))
        if name == "pretrain" and self.config.paired < 1 and self.config.lacks in tracks:
            tracks[self.config.lacks] = Lacking(tracks[self.config.lacks], self._present(part.clips))
        return Clips(tracks, targets, part.clips, previews)

    def _present(self, clips: int) -> Tensor:
        """Which clips (clips,) have the modality that the others lack."""
        order = stream(self.config.seed, "pretrain", "paired").permutation(clips)
        return torch.from_numpy(order < round(self.config.paired * clips))

    def _captions(self) -> Clips:
        texts, previews = self._studio.captions(self._events("retrieval/test").heard)
        count = len(texts.rows)
        item = torch.arange(self.config.retrieval).repeat_interleave(count // self.config.retrieval)
        return Clips({"text": texts}, {"text": item}, count, {"text": previews})


def clip_labels(events: Tensor) -> Tensor:
    """The digit of each clip (clips,), the smallest event because BACKGROUND is greater than all digits."""
    return events.min(1).values


def segment_labels(events: Tensor) -> Tensor:
    """Multi-hot (clips, SECONDS, 11), the last column for seconds without an event."""
    return F.one_hot(events, BACKGROUND + 1).float()


def items(events: Tensor) -> Tensor:
    """Each clip is its own item (clips,)."""
    return torch.arange(len(events))
