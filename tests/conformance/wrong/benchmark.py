"""Benchmarks that break what benchmarks must keep."""

from __future__ import annotations

import torch
from good_components import GoodBenchmark, GoodSplit

from codaar_core import api
from wrong.register import alters, breaks, replaces


@replaces(GoodBenchmark, "transfers", "transfers", "the modalities are north, south")
def unknown_modality(self):
    """Names what is not there."""
    return [api.Transfer("north", "west")]


@breaks("names", "names no head")
class Headless(GoodBenchmark):
    """No head to train."""

    head = None


@breaks("names", "not 'train->test/metric'")
class PublishedElsewhere(GoodBenchmark):
    """A number of no metric."""

    published = {"north->south/f1": 0.5}


@breaks("names", "which is not a tuple of modalities")
class NeedsLetters(GoodBenchmark):
    """Forgets a comma."""

    needs = "north"


@breaks("builds-on-stated", "builds_on gives [], but it builds on ['other']")
class SecretBase(GoodBenchmark):
    """Does not say which benchmark it builds on."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.base = context.other("other")


class Unlabelled(GoodSplit):
    def __getitem__(self, indices):
        return super().__getitem__(indices)._replace(targets={})


@alters(GoodBenchmark, "split", "labelled", "lacks inputs or targets of 'north'")
def no_targets(split):
    """Clips without labels."""
    return Unlabelled(split.values, split.labels)


@replaces(GoodBenchmark, "guess", "guesses", "is not determined by its generator")
def guesses_alone(self, target, generator):
    """Another chance level every time."""
    return torch.randint(3, target.shape)


@alters(GoodBenchmark, "guess", "guesses", "gives 1 entries for 30 clips")
def one_guess(guess):
    """One for all."""
    return guess[:1]


@breaks("numbers", "as {'accuracy': nan}")
class NothingRight(GoodBenchmark):
    """Not a number where nothing is predicted."""

    metrics = {"accuracy": lambda prediction, target: torch.nan}


@replaces(GoodBenchmark, "constants", "constants-given", "that differ between clips")
def cheating_constant(self, target):
    """Looks at the truth."""
    yield target


@breaks("perfect-is-best", "for the truth, but")
class LowerIsBetter(GoodBenchmark):
    """An error instead of a score."""

    metrics = {"accuracy": lambda prediction, target: (prediction != target).double().mean()}


@breaks("perfect-is-best", "accuracy is as good for guesses as for the truth")
class SameForAll(GoodBenchmark):
    """Measures nothing."""

    metrics = {"accuracy": lambda prediction, target: 1.0}
