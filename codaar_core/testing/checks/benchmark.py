"""Checks of benchmarks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import attrs
import torch
from torch import Tensor

from codaar_core.api import Benchmark, Predicted, Transfer
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.environment import toys
from codaar_core.testing.subjects import BenchmarkSubject

PUBLISHED = re.compile(r"(?P<train>[^->/]+)->(?P<test>[^->/]+)/(?P<metric>.+)")
EPSILON = 1e-9


@check("benchmark")
def transfers(subject: BenchmarkSubject) -> None:
    """It reports transfers between modalities that the model has: the engine encodes these and no others."""
    known = subject.context.modalities
    given = subject.sample.transfers()
    unknown = [each for each in given if not set(each) <= set(known)]
    expect(
        given and not unknown and len(set(given)) == len(given),
        f"{subject.title}.transfers() gives {list(map(tuple, given))}; the modalities are {', '.join(known)}",
        "give different Transfer(train, test) of modalities in context.modalities",
    )


@check("benchmark")
def names(subject: BenchmarkSubject) -> None:
    """It names its default head, its classes and its metrics; published numbers belong to one of these metrics."""
    benchmark = subject.sample
    expect(
        isinstance(getattr(benchmark, "head", None), str),
        f"{subject.title} names no head",
        'write head = "name-of-a-head" in the class',
    )
    expect(
        isinstance(benchmark.needs, tuple),
        f"{subject.title}.needs is {benchmark.needs!r}, which is not a tuple of modalities",
        'write needs = ("name", "other-name") in the class; one name is ("name",)',
    )
    callables = benchmark.metrics and all(callable(metric) for metric in benchmark.metrics.values())
    expect(callables, f"{subject.title}.metrics has no metric", "return {name: function of (prediction, target)}")
    strings = isinstance(benchmark.classes, tuple) and all(isinstance(name, str) for name in benchmark.classes)
    expect(strings, f"{subject.title}.classes is not a tuple of names", "return the names of the head's outputs")
    for key in benchmark.published:
        found = PUBLISHED.fullmatch(key)
        expect(
            found and found["metric"] in benchmark.metrics,
            f"{subject.title}.published has {key!r}, which is not 'train->test/metric'",
            f"write one of the metrics {', '.join(benchmark.metrics)} after the slash",
        )


@check("benchmark")
def builds_on_stated(subject: BenchmarkSubject) -> None:
    """builds_on names every benchmark that it asks of the context: finished heads depend on their settings."""
    asked: set[str] = set()

    def other(name: str) -> Benchmark:
        asked.add(name)
        return subject.context.other(name)

    with torch.random.fork_rng(devices=[]):
        benchmark = subject.component(subject.config, attrs.evolve(subject.context, other=other))
    expect(
        asked == set(benchmark.builds_on),
        f"{subject.title}.builds_on gives {sorted(benchmark.builds_on)}, but it builds on {sorted(asked)}",
        "return the names that were given to context.other",
    )


@check("benchmark")
def labelled(subject: BenchmarkSubject) -> None:
    """Its test splits have a target for each clip, seen through each modality of its transfers."""
    for modality in subject.tested:
        split = subject.build().split("test", modality)
        batch = split[range(min(3, len(split)))]
        count = len(batch.inputs[modality].values) if modality in batch.inputs else 0
        expect(
            modality in batch.targets and count == len(batch.targets[modality]) == min(3, len(split)) > 0,
            f'{subject.title}.split("test", {modality!r}) lacks inputs or targets of {modality!r}',
            "return Batch(inputs, targets) with the modality that was asked for in both",
        )


@check("benchmark")
def guesses(subject: BenchmarkSubject) -> None:
    """guess gives one entry per clip, determined by its generator: its mean score is reported as chance."""
    benchmark = subject.sample
    for modality, target in subject.truths.items():
        one, again = (benchmark.guess(target, toys.generator_of(1)) for _ in range(2))
        expect(
            len(one) == len(target),
            f"{subject.title}.guess gives {len(one)} entries for {len(target)} clips of {modality!r}",
            "guess in the shape of what a head predicts",
        )
        expect(
            torch.equal(one, again),
            f"{subject.title}.guess is not determined by its generator",
            "give generator=generator to every random draw",
        )


@check("benchmark")
def numbers(subject: BenchmarkSubject) -> None:
    """Every metric is a finite number for guesses and constants too: tables show all metrics."""
    for transfer, scores in _floors(subject):
        expect(
            list(scores) == list(subject.sample.metrics) and all(map(math.isfinite, scores.values())),
            f"{subject.title} scores {transfer.train}->{transfer.test} as {scores}",
            "give a finite number for every metric, also where nothing is predicted or nothing is right",
        )


@check("benchmark")
def constants_given(subject: BenchmarkSubject) -> None:
    """It has at least one constant prediction, the same for every clip: a score must beat the best of them."""
    for modality, target in subject.truths.items():
        given = list(subject.sample.constants(target))
        alike = all(len(each) == len(target) and bool((each == each[:1]).all()) for each in given)
        expect(
            given and alike,
            f"{subject.title}.constants gives predictions of {modality!r} that differ between clips, or none",
            "yield one prediction for each class, the same for all clips",
        )


@check("benchmark")
def perfect_is_best(subject: BenchmarkSubject) -> None:
    """Predicting the truth scores no worse than guesses and constants, in the direction that the metric states."""
    perfect = {transfer: subject.sample.score(*pair) for transfer, pair in _perfect(subject).items()}
    signs = {name: 1 if measure.higher_is_better else -1 for name, measure in subject.sample.measures.items()}
    gains = [
        (transfer, metric, perfect[transfer][metric], value)
        for transfer, floor in _floors(subject)
        for metric, value in floor.items()
    ]
    for transfer, metric, best, value in gains:
        expect(
            signs[metric] * (best - value) >= -EPSILON,
            f"{subject.title}: {metric} of {transfer.train}->{transfer.test} is {best:.4g} for the truth, "
            f"but {value:.4g} for a guess or constant",
            "declare an error as Measure(..., higher_is_better=False); compare with the target of the same clip",
        )
    telling = {metric for _, metric, best, value in gains if signs[metric] * (best - value) > EPSILON}
    worthless = [metric for metric in subject.sample.metrics if metric not in telling]
    expect(
        not worthless,
        f"{subject.title}: {', '.join(worthless)} is as good for guesses as for the truth",
        "measure how far the prediction is right",
    )


def _floors(subject: BenchmarkSubject) -> list[tuple[Transfer, dict[str, float]]]:
    """Scores of one guess and of every constant."""
    return [
        (transfer, subject.sample.score(*map(Predicted, answer, truths)))
        for transfer in subject.sample.transfers()
        for truths in [[subject.truths[modality] for modality in transfer]]
        for answer in _uninformed(subject.sample, truths)
    ]


def _uninformed(benchmark: Benchmark, truths: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Predictions of both sides that know nothing."""
    generator = toys.generator_of(0)
    yield [benchmark.guess(truth, generator) for truth in truths]
    yield from map(list, zip(*(benchmark.constants(truth) for truth in truths), strict=True))


def _perfect(subject: BenchmarkSubject) -> dict[Transfer, tuple[Predicted, Predicted]]:
    """The truth in the form of a prediction."""
    items = 1 + max(int(truth.max()) for truth in subject.truths.values())
    perfect = {m: Predicted(_as_prediction(subject.sample, truth, items), truth) for m, truth in subject.truths.items()}
    return {transfer: (perfect[transfer.train], perfect[transfer.test]) for transfer in subject.sample.transfers()}


def _as_prediction(benchmark: Benchmark, target: Tensor, items: int) -> Tensor:
    """The target itself; where heads give embeddings of items, a direction for each item."""
    guess = benchmark.guess(target, toys.generator_of(0))
    if guess.shape == target.shape:
        return target.to(guess.dtype)
    if target.dim() == 1 and guess.dim() == 2 and not target.is_floating_point():
        return torch.nn.functional.one_hot(target, items).to(guess.dtype)
    raise Violation(
        f"guesses {tuple(guess.shape)} look neither like targets {tuple(target.shape)} nor like embeddings of items",
        "let guess give what a head predicts: the form of the target, or one embedding a clip",
    )
