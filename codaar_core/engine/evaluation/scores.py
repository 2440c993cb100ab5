"""Scores of transfers, chance level, best constant prediction and upper bound, as entries of results.json."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import Tensor

from codaar_core.api import Benchmark, Predicted, Transfer
from codaar_core.engine.devices.runtime import generator_of
from codaar_core.engine.results import TransferScore

CHANCE_DRAWS = 20  # random predictions averaged for the chance level

Scores = Mapping[str, float]  # by metric


def score_transfers(
    benchmark: Benchmark, predictions: Mapping[Transfer, Predicted]
) -> dict[Transfer, dict[str, float]]:
    """Score the transfers and, for the upper bounds, each test modality with the head trained on that modality."""
    transfers = benchmark.transfers()
    wanted = dict.fromkeys([*transfers, *(Transfer(each.test, each.test) for each in transfers)])
    return {each: benchmark.score(predictions[Transfer(each.train, each.train)], predictions[each]) for each in wanted}


def chance(benchmark: Benchmark, source: Tensor, target: Tensor) -> Scores:
    """Return the mean scores of ``CHANCE_DRAWS`` uniformly random predictions.

    Args:
        benchmark: Draws and scores the predictions.
        source: Targets of the test clips in the training modality.
        target: Targets of the test clips in the tested modality.
    """
    guesses = (
        [Predicted(benchmark.guess(truth, generator), truth) for truth in (source, target)]
        for generator in (generator_of(draw, "chance") for draw in range(CHANCE_DRAWS))
    )
    rows = [benchmark.score(*pair) for pair in guesses]
    return {metric: statistics.fmean(row[metric] for row in rows) for metric in benchmark.metrics}


def best_constant(benchmark: Benchmark, source: Tensor, target: Tensor) -> Scores:
    """Return, for each metric, the best score of a prediction that ignores the input; arguments as in ``chance``."""
    rows = [benchmark.score(*pair) for pair in zip(*_constants(benchmark, source, target), strict=True)]
    return {metric: measure.best([row[metric] for row in rows]) for metric, measure in benchmark.measures.items()}


def _constants(benchmark: Benchmark, *truths: Tensor) -> Iterator[Iterable[Predicted]]:
    for truth in truths:
        yield [Predicted(prediction, truth) for prediction in benchmark.constants(truth)]


def transfer_entries(
    name: str,
    benchmark: Benchmark,
    scores: Sequence[Mapping[Transfer, Scores]],
    targets: Mapping[str, Tensor],
) -> list[TransferScore]:
    """Entries of results.json, one for each transfer and metric.

    Args:
        name: The benchmark's name in the recipe.
        benchmark: The benchmark.
        scores: Results of ``score_transfers``, one per head seed.
        targets: Targets of the test clips, by modality.
    """
    return [
        entry
        for transfer in benchmark.transfers()
        for entry in _metric_entries(name, benchmark, transfer, scores, targets)
    ]


def _metric_entries(
    name: str,
    benchmark: Benchmark,
    transfer: Transfer,
    scores: Sequence[Mapping[Transfer, Scores]],
    targets: Mapping[str, Tensor],
) -> Iterator[TransferScore]:
    truths = targets[transfer.train], targets[transfer.test]
    guessed, constant = chance(benchmark, *truths), best_constant(benchmark, *truths)
    bound = Transfer(transfer.test, transfer.test)
    for position, (metric, measure) in enumerate(benchmark.measures.items()):
        values = tuple(by_transfer[transfer][metric] for by_transfer in scores)
        yield TransferScore(
            benchmark=name,
            train=transfer.train,
            test=transfer.test,
            metric=metric,
            unit=measure.unit,
            higher_is_better=measure.higher_is_better,
            headline=position == 0,
            mean=statistics.fmean(values),
            std=statistics.stdev(values) if len(values) > 1 else 0.0,
            values=values,
            chance=guessed[metric],
            constant=constant[metric],
            upper_bound=statistics.fmean(by_transfer[bound][metric] for by_transfer in scores),
            published=benchmark.published.get(f"{transfer.train}->{transfer.test}/{metric}"),
            caveat=benchmark.caveat(transfer),
        )
