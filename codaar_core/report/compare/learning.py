"""Learning curves of several runs: what each of them scored after the same epochs of pretraining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from codaar_core.engine.results import LearningCurve, Results
from codaar_core.engine.results.headline import mean

Key = tuple[str, str, str, str]  # benchmark, metric, train, test


@attrs.frozen(kw_only=True)
class EpochRow:
    """One benchmark after one epoch of pretraining.

    Attributes:
        epoch: Finished epochs.
        transfers: Number of the transfers that the means are over: those without caveat that all runs with curves have.
        means: Mean score by the first metric, one for each run; None where a run was not evaluated then.
    """

    benchmark: str
    metric: str
    unit: str
    higher_is_better: bool
    epoch: int
    transfers: int
    means: tuple[float | None, ...]


def epoch_rows(results: Sequence[Results]) -> Iterator[EpochRow]:
    """Yield the rows of each benchmark, in the order of the epochs."""
    runs = [{_key(curve): curve for curve in each.learning_curves if curve.counts} for each in results]
    for benchmark, metric in dict.fromkeys(key[:2] for run in runs for key in run):
        yield from _rows([{key: run[key] for key in run if key[:2] == (benchmark, metric)} for run in runs])


def _key(curve: LearningCurve) -> Key:
    return curve.benchmark, curve.metric, curve.train, curve.test


def _rows(runs: Sequence[dict[Key, LearningCurve]]) -> Iterator[EpochRow]:
    common = set.intersection(*(set(run) for run in runs if run))
    if not common:
        return
    points = [[dict(zip(run[key].epoch, run[key].means, strict=True)) for key in common if run] for run in runs]
    first = next(run[key] for run in runs for key in run)
    for epoch in sorted({epoch for curves in points for curve in curves for epoch in curve}):
        yield EpochRow(
            benchmark=first.benchmark,
            metric=first.metric,
            unit=first.unit,
            higher_is_better=first.higher_is_better,
            epoch=epoch,
            transfers=len(common),
            means=tuple(mean(curve.get(epoch) for curve in curves) for curves in points),
        )
