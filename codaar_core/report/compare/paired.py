"""Differences of two runs over equal head seeds: what the seed adds to both scores cancels."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

import attrs

from codaar_core.engine.results import Results, TransferScore
from codaar_core.report.numerals import present


@attrs.frozen(kw_only=True)
class PairedDifference:
    """The mean difference of a score from that of the first run.

    Attributes:
        difference: Mean over the seeds of (score of ``run`` - score of ``reference``).
        error: Standard error of this mean. It contains the variation of heads, not that of pretraining.
        seeds: Number of common head seeds.
    """

    reference: str
    run: str
    benchmark: str
    transfer: str
    metric: str
    unit: str
    higher_is_better: bool
    difference: float
    error: float
    seeds: int


def paired_differences(runs: Sequence[tuple[str, Results]]) -> Iterator[PairedDifference]:
    """Compare every run with the first one by the first metric of each transfer.

    Left out are runs of another evaluation mode, and scores with fewer than two common head seeds.
    """
    if not runs:
        return
    reference, first = runs[0]
    others = {score.key: score for score in first.transfers}
    for label, results in runs[1:]:
        if results.mode != first.mode:
            continue
        for score in results.transfers:
            before = others.get(score.key)
            if before is None or not score.headline:
                continue
            found = _differences(score, results.seeds, before, first.seeds)
            if len(found) > 1:
                yield PairedDifference(
                    reference=reference,
                    run=label,
                    benchmark=score.benchmark,
                    transfer=f"{score.train} -> {score.test}",
                    metric=score.metric,
                    unit=score.unit,
                    higher_is_better=score.higher_is_better,
                    difference=statistics.fmean(found),
                    error=statistics.stdev(found) / math.sqrt(len(found)),
                    seeds=len(found),
                )


def _differences(
    score: TransferScore, seeds: Sequence[int], before: TransferScore, seeds_before: Sequence[int]
) -> list[float]:
    """Differences at the head seeds that both runs have."""
    now, then = _by_seed(score, seeds), _by_seed(before, seeds_before)
    return [now[seed] - then[seed] for seed in now if seed in then]


def _by_seed(score: TransferScore, seeds: Sequence[int]) -> dict[int, float]:
    """The score of each head seed; empty where the two lists do not correspond."""
    if len(score.values) != len(seeds):
        return {}
    return {seed: value for seed, value in zip(seeds, score.values, strict=True) if present(value)}
