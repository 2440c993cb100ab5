"""Extractors that break what extractors must keep."""

from __future__ import annotations

import wave

import torch
from good_components import GoodExtractor
from torch import nn

from codaar_core import api
from wrong.register import alters, breaks, replaces


@breaks("suffixes", "suffixes is ('.WAV', 'flac')")
class LoudSuffixes(GoodExtractor):
    """No file would be found by them."""

    suffixes = (".WAV", "flac")


@breaks("suffixes", "suffixes is '.wav'")
class OneSuffix(GoodExtractor):
    """A string, not a tuple of one."""

    suffixes = ".wav"


@breaks("made-by", "made_by is ''")
class Anonymous(GoodExtractor):
    """Does not say what it is."""

    made_by = ""


@breaks("made-by", "while it is built or describes itself")
class LooksForItsName(GoodExtractor):
    """Reads a file to know what it is called."""

    @property
    def made_by(self):
        with open(__file__) as file:
            return file.readline()


@replaces(GoodExtractor, "prepare", "weights-missing", "there are no weights without saying what to do")
def says_no_way(self):
    """Leaves one alone."""
    raise api.DataError("there are no weights")


@alters(GoodExtractor, "extract", "features", "gives a ndarray")
def gives_an_array(features):
    """No tensor."""
    return features.numpy()


@alters(GoodExtractor, "extract", "features", "gives (3, 1) where output says (3, 2)")
def too_few_channels(features):
    """Says one shape, gives another."""
    return features[:, :1]


@alters(GoodExtractor, "extract", "features", "values that are not finite")
def logarithm_of_nothing(features):
    """Minus infinity."""
    return (0 * features).log()


@alters(GoodExtractor, "extract", "features", "features with a gradient")
def still_trained(features):
    """Its weights are parameters, and it does not say that they are frozen."""
    return features * nn.Parameter(torch.ones(2))


@breaks("same-again", "for the same recording the second time")
class CountsRecordings(GoodExtractor):
    """What comes first is another than what comes later."""

    seen = 0

    def extract(self, source):
        self.seen += 1
        return super().extract(source) + self.seen


@alters(GoodExtractor, "extract", "same-again", "the same features for two recordings")
def deaf(features):
    """Features of nothing."""
    return torch.ones_like(features)


@breaks("other-device", "mixes devices")
class StaysAtHome(GoodExtractor):
    """Its weights go where they are told, recordings do not."""

    def extract(self, source):
        return super().extract(source) * torch.ones(2, device=self.device)


@replaces(GoodExtractor, "extract", "broken-recordings", "fails with EOFError for empty.wav")
def fails_as_it_comes(self, source):
    """Leaves errors as they are."""
    with wave.open(str(source), "rb") as file:
        return torch.ones(file.getnframes(), 2)


@breaks("broken-recordings", "refuses empty.wav without naming it")
class NamesNoFile(GoodExtractor):
    """Which of ten thousand?"""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError as error:
            raise api.DataError("a recording cannot be read") from error


@breaks("broken-recordings", "makes torch.float32 (1, 2) of empty.wav")
class PutsUpWithAnything(GoodExtractor):
    """Zeros for what cannot be read."""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError:
            return torch.zeros(1, 2)
