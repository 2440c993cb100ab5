"""The scores of a run by benchmark, each beside chance, best constant, control and upper bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from codaar_core.engine.results import HeadlineMean, Results, TransferScore
from codaar_core.engine.results.headline import headline_mean, mean
from codaar_core.report.numerals import present

Key = tuple[str, str, str, str]  # benchmark, train, test, metric

BESIDE = {
    "chance": "chance",
    "constant": "best constant",
    "control": "control",
    "upper_bound": "upper bound",
    "published": "published",
}


def metric_label(of: TransferScore | HeadlineMean) -> str:
    """``accuracy, %`` or ``RMSE, N, lower is better``."""
    return ", ".join([of.metric, *_qualities(of)])


def benchmark_label(of: TransferScore | HeadlineMean) -> str:
    """``classification, %`` or ``reaching, N, lower is better``."""
    return ", ".join([of.benchmark, *_qualities(of)])


def _qualities(of: TransferScore | HeadlineMean) -> list[str]:
    return [*([of.unit] if of.unit else []), *([] if of.higher_is_better else ["lower is better"])]


@attrs.frozen(kw_only=True)
class BenchmarkScores:
    """All scores of one benchmark.

    Attributes:
        scores: One for each transfer and metric.
        controls: Means of the control run.
    """

    scores: Sequence[TransferScore]
    controls: Mapping[Key, float | None]

    @property
    def name(self) -> str:
        """Name of the benchmark in the recipe."""
        return self.scores[0].benchmark

    @property
    def first_metric(self) -> list[TransferScore]:
        """The scores by the first metric, one for each transfer."""
        return [score for score in self.scores if score.headline] or [
            score for score in self.scores if score.metric == self.scores[0].metric
        ]

    @property
    def headline(self) -> HeadlineMean:
        """Means over the transfers without caveat."""
        return headline_mean(self.first_metric)

    @property
    def by_metric(self) -> dict[str, list[TransferScore]]:
        """The scores by name of the metric."""
        names = dict.fromkeys(score.metric for score in self.scores)
        return {name: [score for score in self.scores if score.metric == name] for name in names}

    @property
    def modalities(self) -> list[str]:
        """Modalities of the transfers, in their order."""
        return list(dict.fromkeys(name for score in self.first_metric for name in (score.train, score.test)))

    @property
    def columns(self) -> list[str]:
        """The quantities, keys of ``BESIDE``, that at least one score has."""
        return [quantity for quantity in BESIDE if any(present(self.beside(each, quantity)) for each in self.scores)]

    def beside(self, score: TransferScore, quantity: str) -> float | None:
        """What a score is compared with: a key of ``BESIDE``."""
        return self.controls.get(score.key) if quantity == "control" else getattr(score, quantity)

    def headline_beside(self, quantity: str) -> float | None:
        """The mean of a quantity over the transfers that count."""
        if quantity == "control":
            return mean(self.controls.get(score.key) for score in self.first_metric if score.counts)
        return getattr(self.headline, quantity)

    def gain(self, score: TransferScore) -> float | None:
        """How much better a score is than that of the control; negative where it is worse."""
        control = self.controls.get(score.key)
        if not present(score.mean) or not present(control):
            return None
        return score.mean - control if score.higher_is_better else control - score.mean

    def transfer(self, train: str, test: str) -> TransferScore | None:
        """The score of a transfer by the first metric."""
        return next((each for each in self.first_metric if (each.train, each.test) == (train, test)), None)

    def upper_bound(self, test: str) -> float | None:
        """The score by the first metric of heads that were trained on the labels of ``test`` itself."""
        return mean(score.upper_bound for score in self.first_metric if score.test == test)

    def tint(self, score: TransferScore) -> float:
        """Where a score by the first metric lies between chance (0) and the best score of the benchmark (1)."""
        means = [each.mean for each in self.first_metric if present(each.mean)]
        if not present(score.mean) or not means:
            return 0.0
        best = max(means) if score.higher_is_better else min(means)
        chance = score.chance if present(score.chance) else 0.0
        reach = best - chance if score.higher_is_better else chance - best
        above = score.mean - chance if score.higher_is_better else chance - score.mean
        return max(above, 0.0) / reach if reach > 0 else 0.0


def by_benchmark(results: Results, control: Results | None = None) -> list[BenchmarkScores]:
    """Group the scores by benchmark, in their order, each with its match in the control run."""
    controls = {score.key: score.mean for score in control.transfers} if control else {}
    groups: dict[str, list[TransferScore]] = {}
    for score in results.transfers:
        groups.setdefault(score.benchmark, []).append(score)
    return [BenchmarkScores(scores=scores, controls=controls) for scores in groups.values()]
