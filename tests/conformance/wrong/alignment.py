"""Alignment steps that break what alignment steps must keep."""

from __future__ import annotations

import torch
from good_components import GoodAlignment

from codaar_core import api
from wrong.register import alters, breaks


@breaks("modalities", "refuses 3 modalities without saying what to do")
class Curt(GoodAlignment):
    """Says no, and no more."""

    def __init__(self, config, context):
        super().__init__(config, context)
        if len(context.modalities) > 2:
            raise api.ComponentError("no", "")


@breaks("pure", "adjust mutated the codebook of 'north' in place")
class AdjustsInPlace(GoodAlignment):
    """Writes into the codebooks."""

    def adjust(self, codebooks):
        mean = sum(codebooks.values()) / len(codebooks)
        return {m: each.add_(mean).div_(2) for m, each in codebooks.items()}


@alters(GoodAlignment, "mix", "keys-and-shapes", "should give tensors for ['north', 'east']")
def forgets_modality(rows):
    """Leaves one out."""
    return dict(list(rows.items())[1:])


@alters(GoodAlignment, "mix", "keys-and-shapes", "should keep the shape (12, 4)")
def transposes_rows(rows):
    """Another shape."""
    return {m: each.T for m, each in rows.items()}


@breaks("matrix", "is not what matrix(2 modalities) says")
class AnotherMatrix(GoodAlignment):
    """Says what it does not do."""

    def matrix(self, modalities):
        return torch.full((len(modalities),) * 2, 1 / len(modalities))


@breaks("row-stochastic", "has rows that add up to")
class Grows(GoodAlignment):
    """Makes all a little larger."""

    def mix(self, features):
        return {m: 1.1 * each for m, each in super().mix(features).items()}

    adjust = mix

    def matrix(self, modalities):
        return 1.1 * super().matrix(modalities)


@breaks("convex-hull", "leaves the convex hull")
class Overshoots(GoodAlignment):
    """Moves beyond the mean, and says it averages."""

    def mix(self, features):
        mean = sum(features.values()) / len(features)
        return {m: 3 * each - 2 * mean for m, each in features.items()}


@breaks("fixed-point", "moves rows that are equal in all modalities")
class NeverRests(GoodAlignment):
    """Shrinks towards zero."""

    def mix(self, features):
        return {m: 0.9 * each for m, each in features.items()}


@breaks("row-order", "gives other rows when their order changes")
class CountsRows(GoodAlignment):
    """Treats the first row otherwise."""

    def adjust(self, codebooks):
        return {m: each * torch.arange(len(each))[:, None] for m, each in codebooks.items()}


@breaks("row-by-row", "gives other rows for a half of them")
class LooksAtAllRows(GoodAlignment):
    """Centres over rows."""

    def mix(self, features):
        return {m: each - each.mean(0) for m, each in features.items()}


@alters(GoodAlignment, "mix", "keeps-precision", "turns torch.float32 into torch.float64")
def widens(rows):
    """Leaves float64 behind."""
    return {m: each.double() for m, each in rows.items()}


@breaks("repeatable", "gives something else the second time")
class Rolls(GoodAlignment):
    """Draws its shares."""

    def mix(self, features):
        share = torch.rand(())
        mean = sum(features.values()) / len(features)
        return {m: share * each + (1 - share) * mean for m, each in features.items()}
