"""Data sources that break what data sources must keep."""

from __future__ import annotations

import torch
from good_components import GoodData, GoodSplit

from codaar_core import api
from wrong.register import alters, breaks, replaces


@breaks("card", "card lacks licence")
class NoLicence(GoodData):
    """Nobody knows who may use it."""

    card = api.Card("toys", "", "made here")


@breaks("spaces", "while it is built or describes itself")
class OpensEarly(GoodData):
    """Reads a file while it is built."""

    def __init__(self, config, context):
        super().__init__(config, context)
        with open(__file__) as file:
            file.read(1)


@alters(GoodData, "synthetic", "synthetic-shapes", "'south' should be floats (6, 3, 2, 2, 3)")
def flat_maps(split):
    """Other shapes than it declares."""
    return GoodSplit({m: values.flatten(2) for m, values in split.values.items()}, split.labels)


@replaces(GoodData, "synthetic", "synthetic-shapes", "looks for files")
def needs_files(self, clips, seed):
    """No dry run without data."""
    raise api.DataError("no files here", "get them")


@breaks("synthetic-seeded", "gives different clips for the same seed")
class Unseeded(GoodData):
    """Draws from the clock."""

    def synthetic(self, clips, seed):
        return super().synthetic(clips, torch.seed() % 1000)


@breaks("synthetic-seeded", "gives the same clips for another seed")
class DeafToSeeds(GoodData):
    """Always the same."""

    def synthetic(self, clips, seed):
        return super().synthetic(clips, 0)


class SortedSplit(GoodSplit):
    def __getitem__(self, indices):
        return super().__getitem__(sorted(indices))


@alters(GoodData, "synthetic", "order-of-indices", "does not give the inputs of north of clips 2, 0 and 2")
def sorts_indices(split):
    """Reads in the order of the file."""
    return SortedSplit(split.values, split.labels)


@alters(GoodData, "synthetic", "picklable", "a split cannot be pickled")
def open_split(split):
    """Its split holds an open file."""
    split.file = open(__file__)  # noqa: SIM115
    return split


@replaces(GoodData, "split", "pretrain-split", "without saying what to do")
def missing_files(self, name):
    """Does not say where to get them."""
    raise api.DataError("not here", "")


class ShownSplit(GoodSplit):
    """Shows the same preview at every step."""

    shown = None

    def preview(self, index, modality, step):
        return self.shown


@alters(GoodData, "split", "previews", "is no readable PNG file: it has another signature")
def damaged_preview(split):
    """A picture that no browser shows."""
    split = ShownSplit(split.values, split.labels)
    split.shown = api.Picture(b"GIF89a", "a picture")
    return split


@alters(GoodData, "split", "previews", "has 250,044 bytes, more than 200,000")
def long_preview(split):
    """A sound of minutes."""
    split = ShownSplit(split.values, split.labels)
    split.shown = api.Sound(bytes(250_044), "a sound")
    return split


@alters(GoodData, "split", "previews", "step 3 is after the last step")
def preview_after_the_end(split):
    """Shows steps that do not exist."""
    split = ShownSplit(split.values, split.labels)
    split.shown = api.Words("word")
    return split


@replaces(GoodData, "split", "unknown-split", "accepts any name")
def any_split(self, name):
    """Gives something for every name."""
    return self.synthetic(5, 0)
