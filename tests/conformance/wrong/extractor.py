"""Extractors that break what extractors must keep."""

from __future__ import annotations

import wave

import torch
from good_components import GoodExtractor
from torch import nn

from codaar_core import api
from wrong.register import breaks


@breaks("extractor", "suffixes", "suffixes is ('.WAV', 'flac')")
class LoudSuffixes(GoodExtractor):
    """No file would be found by them."""

    suffixes = (".WAV", "flac")


@breaks("extractor", "suffixes", "suffixes is '.wav'")
class OneSuffix(GoodExtractor):
    """A string, not a tuple of one."""

    suffixes = ".wav"


@breaks("extractor", "made-by", "made_by is ''")
class Anonymous(GoodExtractor):
    """Does not say what it is."""

    made_by = ""


@breaks("extractor", "made-by", "while it is built or asked what it gives")
class LooksForItsName(GoodExtractor):
    """Reads a file to know what it is called."""

    @property
    def made_by(self):
        with open(__file__) as file:
            return file.readline()


@breaks("extractor", "weights-missing", "there are no weights, without saying what to do")
class SaysNoWay(GoodExtractor):
    """Leaves one alone."""

    def prepare(self):
        raise api.DataError("there are no weights")


@breaks("extractor", "features", "gives a ndarray")
class GivesAnArray(GoodExtractor):
    """No tensor."""

    def extract(self, source):
        return super().extract(source).numpy()


@breaks("extractor", "features", "gives (3, 1) where output says (3, 2)")
class TooFewChannels(GoodExtractor):
    """Says one shape, gives another."""

    def extract(self, source):
        return super().extract(source)[:, :1]


@breaks("extractor", "features", "values that are not finite")
class LogarithmOfNothing(GoodExtractor):
    """Minus infinity."""

    def extract(self, source):
        return (0 * super().extract(source)).log()


@breaks("extractor", "features", "features with a gradient")
class StillTrained(GoodExtractor):
    """Its weights are parameters, and it does not say that they are frozen."""

    def extract(self, source):
        return super().extract(source) * nn.Parameter(torch.ones(2))


@breaks("extractor", "same-again", "for the same recording the second time")
class CountsRecordings(GoodExtractor):
    """What comes first is another than what comes later."""

    seen = 0

    def extract(self, source):
        self.seen += 1
        return super().extract(source) + self.seen


@breaks("extractor", "same-again", "the same features for two recordings")
class Deaf(GoodExtractor):
    """Features of nothing."""

    def extract(self, source):
        return torch.ones_like(super().extract(source))


@breaks("extractor", "other-device", "mixes devices")
class StaysAtHome(GoodExtractor):
    """Its weights go where they are told, recordings do not."""

    def extract(self, source):
        return super().extract(source) * torch.ones(2, device=self.device)


@breaks("extractor", "broken-recordings", "fails with EOFError for empty.wav")
class FailsAsItComes(GoodExtractor):
    """Leaves errors as they are."""

    def extract(self, source):
        with wave.open(str(source), "rb") as file:
            return torch.ones(file.getnframes(), 2)


@breaks("extractor", "broken-recordings", "refuses empty.wav without naming it")
class NamesNoFile(GoodExtractor):
    """Which of ten thousand?"""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError as error:
            raise api.DataError("a recording cannot be read") from error


@breaks("extractor", "broken-recordings", "makes torch.float32 (1, 2) of empty.wav")
class PutsUpWithAnything(GoodExtractor):
    """Zeros for what cannot be read."""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError:
            return torch.zeros(1, 2)
