"""What the record says, put in order: scores by benchmark, headline means, caveats, and a control run beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from codaar_core.report.numerals import mean


@attrs.frozen(kw_only=True)
class Score:
    """One transfer measured by one metric; fractions from 0 to 1, None where there is no number."""

    benchmark: str
    train: str
    test: str
    metric: str
    headline: bool = True
    mean: float | None = None
    std: float | None = None
    values: Sequence[float | None] = ()
    chance: float | None = None
    constant: float | None = None
    upper_bound: float | None = None
    published: float | None = None
    caveat: str = ""
    control: float | None = None  # the mean of the same transfer in the control run

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the head seeds; a single seed has none."""
        return self.std if len(self.values) > 1 else None


@attrs.frozen(kw_only=True)
class BenchmarkScores:
    """All scores of one benchmark."""

    name: str
    scores: Sequence[Score]

    @property
    def headline(self) -> list[Score]:
        """The scores of the first metric, one a transfer."""
        return [score for score in self.scores if score.headline]

    @property
    def metric(self) -> str:
        """Name of the first metric."""
        return self.headline[0].metric if self.headline else ""

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics."""
        return list(dict.fromkeys(score.metric for score in self.scores))

    @property
    def counted(self) -> list[Score]:
        """The headline scores without caveat: those that the headline mean is made of."""
        return [score for score in self.headline if not score.caveat]

    def mean(self, quantity: str) -> float | None:
        """The mean of ``quantity`` (a field of Score) over the counted transfers."""
        return mean(getattr(score, quantity) for score in self.counted)

    def upper_bound(self, test: str) -> float | None:
        """The headline score on ``test`` of a head that was trained on the labels of ``test`` itself."""
        return mean(score.upper_bound for score in self.headline if score.test == test)


def benchmarks(results: Mapping[str, Any], control: Mapping[str, Any] | None = None) -> list[BenchmarkScores]:
    """Group the transfers by benchmark, in their order, each with its match in the control run."""
    matches = {_key(entry): entry.get("mean") for entry in control["transfers"]} if control else {}
    groups: dict[str, list[Score]] = {}
    for entry in results["transfers"]:
        groups.setdefault(entry["benchmark"], []).append(_score(entry, matches.get(_key(entry))))
    return [BenchmarkScores(name=name, scores=scores) for name, scores in groups.items()]


def caveats(groups: Sequence[BenchmarkScores]) -> dict[str, int]:
    """Number the different caveats from 1, in order of appearance."""
    different = dict.fromkeys(score.caveat for group in groups for score in group.scores if score.caveat)
    return {caveat: number for number, caveat in enumerate(different, 1)}


def differences(results: Mapping[str, Any], control: Mapping[str, Any]) -> list[str]:
    """What makes a control run no fair one: keys in which it differs and should not."""
    return [key for key in ("mode", "data", "modalities", "seeds") if results.get(key) != control.get(key)]


def _key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry[key] for key in ("benchmark", "train", "test", "metric"))


def _score(entry: Mapping[str, Any], control: float | None) -> Score:
    known = {field.name for field in attrs.fields(Score)}
    return Score(**{**{key: value for key, value in entry.items() if key in known}, "control": control})


def remarks(results: Mapping[str, Any]) -> list[str]:
    """What is odd about the files, and of which parts pretraining has seen something: a line each."""
    return [*results.get("notes", ()), *_seen_before(results)]


def _seen_before(results: Mapping[str, Any]) -> list[str]:
    return [
        f"{each['benchmark']}, {each['role']}, {each['modality']}: {each['seen']} of {each['clips']} clips "
        f"were seen in pretraining{' and are left out' if each['dropped'] else ''}"
        for each in results.get("overlap") or ()
        if each["seen"]
    ]
