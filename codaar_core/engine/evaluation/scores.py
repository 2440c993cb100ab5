"""From predictions to the entries of results.json: scores of transfers, and what they are to be read against."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from codaar_core.api import Benchmark, Predicted, Transfer
from codaar_core.engine.devices.runtime import generator_of

CHANCE_DRAWS = 20

Scores = Mapping[str, float]  # by metric


def score_transfers(
    benchmark: Benchmark, predictions: Mapping[Transfer, Predicted]
) -> dict[Transfer, dict[str, float]]:
    """Scores of the transfers and, for each test modality, of the head that was trained on it: the upper bound."""
    transfers = benchmark.transfers()
    wanted = dict.fromkeys([*transfers, *(Transfer(each.test, each.test) for each in transfers)])
    return {each: benchmark.score(predictions[Transfer(each.train, each.train)], predictions[each]) for each in wanted}


def chance(benchmark: Benchmark, source: Tensor, target: Tensor) -> Scores:
    """The mean score of uniform guesses; ``source`` and ``target`` are the true targets of both sides."""
    guesses = (
        [Predicted(benchmark.guess(truth, generator), truth) for truth in (source, target)]
        for generator in (generator_of(draw, "chance") for draw in range(CHANCE_DRAWS))
    )
    return _merge(statistics.fmean, (benchmark.score(*pair) for pair in guesses))


def best_constant(benchmark: Benchmark, source: Tensor, target: Tensor) -> Scores:
    """The best score of an answer that ignores the input."""
    return _merge(max, (benchmark.score(*pair) for pair in zip(*_constants(benchmark, source, target), strict=True)))


def _constants(benchmark: Benchmark, *truths: Tensor) -> Iterator[Iterable[Predicted]]:
    for truth in truths:
        yield [Predicted(prediction, truth) for prediction in benchmark.constants(truth)]


def _merge(how: Callable[[list[float]], float], scores: Iterator[Scores]) -> Scores:
    rows = list(scores)
    return {metric: how([row[metric] for row in rows]) for metric in rows[0]}


def transfer_entries(
    name: str,
    benchmark: Benchmark,
    scores: Sequence[Mapping[Transfer, Scores]],
    targets: Mapping[str, Tensor],
) -> list[dict[str, Any]]:
    """Entries of results.json, one a transfer and metric.

    Args:
        name: The benchmark's name in the recipe.
        benchmark: The benchmark.
        scores: What ``score_transfers`` gave, by head seed.
        targets: What is true on the test clips, by modality.
    """
    return [
        {"benchmark": name, "train": transfer.train, "test": transfer.test, **entry}
        for transfer in benchmark.transfers()
        for entry in _metric_entries(benchmark, transfer, scores, targets)
    ]


def _metric_entries(
    benchmark: Benchmark, transfer: Transfer, scores: Sequence[Mapping[Transfer, Scores]], targets: Mapping[str, Tensor]
) -> Iterator[dict[str, Any]]:
    truths = targets[transfer.train], targets[transfer.test]
    guessed, constant = chance(benchmark, *truths), best_constant(benchmark, *truths)
    bound = Transfer(transfer.test, transfer.test)
    for position, metric in enumerate(benchmark.metrics):
        yield {
            "metric": metric,
            "headline": position == 0,
            **_spread([by_transfer[transfer][metric] for by_transfer in scores]),
            "chance": guessed[metric],
            "constant": constant[metric],
            "upper_bound": statistics.fmean(by_transfer[bound][metric] for by_transfer in scores),
            "published": benchmark.published.get(f"{transfer.train}->{transfer.test}/{metric}"),
            "caveat": benchmark.caveat(transfer),
        }


def _spread(values: list[float]) -> dict[str, Any]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "std": deviation, "values": values}
