"""Alignment steps that break what alignment steps must keep."""

from __future__ import annotations

import torch
from good_components import GoodAlignment

from codaar_core import api
from wrong.register import alters, breaks, replaces


@breaks("modalities", "refuses 3 modalities without saying what to do")
class Curt(GoodAlignment):
    """Says no, and no more."""

    def __init__(self, config, context):
        super().__init__(config, context)
        if len(context.modalities) > 2:
            raise api.ComponentError("no", "")


@replaces(GoodAlignment, "adjust", "pure", "adjust mutated the codebook of 'north' in place")
def adjusts_in_place(self, codebooks):
    """Writes into the codebooks."""
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


@replaces(GoodAlignment, "matrix", "matrix", "is not what matrix(2 modalities) says")
def another_matrix(self, modalities):
    """Says what it does not do."""
    return torch.full((len(modalities),) * 2, 1 / len(modalities))


@breaks("row-stochastic", "has rows that add up to")
class Grows(GoodAlignment):
    """Makes all a little larger."""

    def mix(self, features):
        return {m: 1.1 * each for m, each in super().mix(features).items()}

    adjust = mix

    def matrix(self, modalities):
        return 1.1 * super().matrix(modalities)


@replaces(GoodAlignment, "mix", "convex-hull", "leaves the convex hull")
def overshoots(self, features):
    """Moves beyond the mean, and says it averages."""
    mean = sum(features.values()) / len(features)
    return {m: 3 * each - 2 * mean for m, each in features.items()}


@replaces(GoodAlignment, "mix", "fixed-point", "moves rows that are equal in all modalities")
def never_rests(self, features):
    """Shrinks towards zero."""
    return {m: 0.9 * each for m, each in features.items()}


@replaces(GoodAlignment, "adjust", "row-order", "gives different rows when their order changes")
def counts_rows(self, codebooks):
    """Treats the first row otherwise."""
    return {m: each * torch.arange(len(each))[:, None] for m, each in codebooks.items()}


@replaces(GoodAlignment, "mix", "row-by-row", "gives different rows for half of them")
def looks_at_all_rows(self, features):
    """Centres over rows."""
    return {m: each - each.mean(0) for m, each in features.items()}


@alters(GoodAlignment, "mix", "keeps-precision", "turns torch.float32 into torch.float64")
def widens(rows):
    """Leaves float64 behind."""
    return {m: each.double() for m, each in rows.items()}


@replaces(GoodAlignment, "mix", "repeatable", "gives a different result the second time")
def rolls(self, features):
    """Draws its shares."""
    share = torch.rand(())
    mean = sum(features.values()) / len(features)
    return {m: share * each + (1 - share) * mean for m, each in features.items()}
