"""The headline of a benchmark: the mean of its first metric over the transfers without caveat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs

from codaar_core.engine.results.records import TransferScore


@attrs.frozen(kw_only=True)
class HeadlineMean:
    """Means over the transfers that count; None where there are none, or where one of them lacks the number."""

    benchmark: str
    metric: str
    unit: str
    higher_is_better: bool
    counted: int  # transfers without caveat
    transfers: int
    mean: float | None
    chance: float | None
    constant: float | None
    upper_bound: float | None
    published: float | None


def headline_means(transfers: Iterable[TransferScore]) -> list[HeadlineMean]:
    """The headline of each benchmark, in their order."""
    groups: dict[str, list[TransferScore]] = {}
    for score in transfers:
        if score.headline:
            groups.setdefault(score.benchmark, []).append(score)
    return [headline_mean(group) for group in groups.values()]


def headline_mean(group: Sequence[TransferScore]) -> HeadlineMean:
    """The headline of one benchmark, from its scores by the first metric."""
    first, counted = group[0], [score for score in group if score.counts]
    return HeadlineMean(
        benchmark=first.benchmark,
        metric=first.metric,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        counted=len(counted),
        transfers=len(group),
        mean=mean(score.mean for score in counted),
        chance=mean(score.chance for score in counted),
        constant=mean(score.constant for score in counted),
        upper_bound=mean(score.upper_bound for score in counted),
        published=mean(score.published for score in counted),
    )


def mean(values: Iterable[float | None]) -> float | None:
    """The mean; None where there is nothing, or where a value is missing or not finite."""
    given = list(values)
    numbers = [value for value in given if value is not None and math.isfinite(value)]
    return math.fsum(numbers) / len(numbers) if numbers and len(numbers) == len(given) else None
