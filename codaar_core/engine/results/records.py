"""The records of results.json. Their field order is the order of keys in the file; a missing number is None."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

import attrs

FORMAT = 3  # 1 had no units and directions of metrics, and no batch; 2 had no measures on codes

Numbers = tuple[float | None, ...]


def _entry(help: str, default: Any = attrs.NOTHING) -> Any:
    """A field with its description in the JSON schema; one without default is required in every file."""
    return attrs.field(default=default, metadata={"help": help})


def _table(help: str) -> Any:
    return attrs.field(factory=dict, metadata={"help": help})


@attrs.frozen(kw_only=True)
class TransferScore:
    """One transfer measured by one metric."""

    benchmark: str = _entry("name of the benchmark in the recipe")
    train: str = _entry("modality whose codes the head was trained on")
    test: str = _entry("modality whose codes the head was tested on")
    metric: str = _entry("name of the metric")
    unit: str = _entry("unit of the metric: % stands for fractions from 0 to 1, an empty string for no unit", "%")
    higher_is_better: bool = _entry("false for errors", True)
    headline: bool = _entry("whether this is the first metric of the benchmark", True)
    mean: float | None = _entry("mean over the head seeds", None)
    std: float | None = _entry("sample standard deviation over the head seeds; 0 for a single seed", None)
    values: Numbers = _entry("score of each head seed", ())
    chance: float | None = _entry("mean score of uniformly random predictions", None)
    constant: float | None = _entry("best score of a prediction that ignores the input", None)
    upper_bound: float | None = _entry("mean score of heads trained on the labelled test modality itself", None)
    published: float | None = _entry("number of a paper for this transfer", None)
    caveat: str = _entry("why the transfer is left out of the headline mean; empty where it counts", "")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What was measured: benchmark, train, test and metric."""
        return self.benchmark, self.train, self.test, self.metric

    @property
    def counts(self) -> bool:
        """Whether it is part of the headline mean."""
        return self.headline and not self.caveat

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the head seeds; None for a single seed."""
        return self.std if len(self.values) > 1 else None


@attrs.frozen(kw_only=True)
class Pretraining:
    """What pretraining took and where it ended."""

    epoch_minutes: float | None = _entry("minutes of an epoch; null where no step was made in this process", None)
    peak_gb: float | None = _entry("most memory held, in GB: of the GPU, where it computes on one", None)
    last_epoch: Mapping[str, float | None] = _table("last row of metrics.csv, without epoch and step")
    codewords: int | None = _entry("codewords of each codebook; with several codes a step, of a level", None)
    collapse: str = _entry("codebooks that the last epoch shows to have collapsed, and what helps; empty: none", "")
    run: str = _entry("run directory that this pretraining, or its beginning, was taken over from; empty: none", "")


@attrs.frozen(kw_only=True)
class Curves:
    """Logged quantities over the training steps, thinned; every list is as long as ``step``."""

    step: tuple[int, ...] = _entry("training steps that were logged", ())
    losses: Mapping[str, Numbers] = _table("weighted loss terms, their total, and the norm of the gradient")
    codebooks: Mapping[str, Numbers] = _table("codewords in use and perplexity, of each modality and level")
    agreement: Mapping[str, Numbers] = _table("share of time steps at which two modalities select the same index")

    def __attrs_post_init__(self) -> None:
        for name, values in {**self.losses, **self.codebooks, **self.agreement}.items():
            if len(values) != len(self.step):
                raise ValueError(f"{name!r} has {len(values)} values for {len(self.step)} steps")


@attrs.frozen(kw_only=True)
class LearningCurve:
    """One transfer, measured by one metric, in the course of pretraining; heads are trained anew for each point."""

    benchmark: str = _entry("name of the benchmark in the recipe")
    train: str = _entry("modality whose codes the heads were trained on")
    test: str = _entry("modality whose codes the heads were tested on")
    metric: str = _entry("name of the metric")
    unit: str = _entry("unit of the metric: % stands for fractions from 0 to 1, an empty string for no unit", "%")
    higher_is_better: bool = _entry("false for errors", True)
    headline: bool = _entry("whether this is the first metric of the benchmark", True)
    caveat: str = _entry("why the transfer is left out of the headline mean; empty where it counts", "")
    epoch: tuple[int, ...] = _entry("finished epochs of pretraining, one number for each point", ())
    step: tuple[int, ...] = _entry("finished steps of pretraining, one number for each point", ())
    seeds: tuple[int, ...] = _entry("seeds of the heads", ())
    values: tuple[Numbers, ...] = _entry("scores of each point, one for each seed; null where it was not measured", ())

    def __attrs_post_init__(self) -> None:
        points = len(self.epoch)
        if len(self.step) != points or [len(row) for row in self.values] != [len(self.seeds)] * points:
            raise ValueError(f"{self.benchmark!r} must have a step and {len(self.seeds)} values for each epoch")

    @property
    def counts(self) -> bool:
        """Whether it is part of the headline mean."""
        return self.headline and not self.caveat

    @property
    def means(self) -> Numbers:
        """Mean over the seeds at each point; None where no score is a number."""
        known = [[value for value in row if value is not None and math.isfinite(value)] for row in self.values]
        return tuple(statistics.fmean(row) if row else None for row in known)


@attrs.frozen(kw_only=True)
class SeenOverlap:
    """How many clips of a split of a benchmark were seen before, in pretraining or in the training of its heads."""

    benchmark: str = _entry("name of the benchmark in the recipe")
    role: str = _entry("train, test or validation")
    modality: str = _entry("modality the clips are seen through")
    clips: int = _entry("clips in the split")
    seen: int = _entry("clips that were seen before")
    dropped: bool = _entry("whether those clips were left out")
    used_in: str = _entry(
        "where they were seen: pretraining, or training of the heads of this benchmark", "pretraining"
    )


@attrs.frozen(kw_only=True)
class Alignment:
    """A linear alignment step as a matrix."""

    name: str = _entry("class of the step")
    modalities: tuple[str, ...] = _entry("modalities, in the order of rows and columns")
    matrix: tuple[Numbers, ...] = _entry("row: weights with which a modality takes from each")

    def __attrs_post_init__(self) -> None:
        count = len(self.modalities)
        if [len(row) for row in self.matrix] != [count] * count:
            raise ValueError(f"the matrix of {self.name} must have {count} rows and columns, one for each modality")


@attrs.frozen(kw_only=True)
class ModalityCodes:
    """The codes of one modality of a test split."""

    modality: str = _entry("name of the modality")
    size: int = _entry("number of codewords K; with several codes a step, of the level")
    steps: int = _entry("encoded time steps")
    used: int = _entry("codewords used at least once")
    perplexity: float | None = _entry("exponential of the entropy of codeword frequencies, from 1 to K", None)
    labelled: int = _entry("time steps with exactly one class", 0)
    information: float | None = _entry("normalised mutual information of index and label, from 0 to 1", None)
    information_chance: float | None = _entry("the same with the labels of random clips", None)

    @property
    def dead(self) -> int:
        """Codewords that are never used."""
        return self.size - self.used


@attrs.frozen(kw_only=True)
class PairCodes:
    """The codes of two modalities of a test split, compared."""

    one: str = _entry("first modality")
    other: str = _entry("second modality")
    steps: int = _entry("time steps present in both; 0 if the clips or steps of the two are not the same", 0)
    agreement: float | None = _entry("share of these steps with equal indices", None)
    agreement_chance: float | None = _entry("the same of independent draws with the two usage distributions", None)
    shared: int | None = _entry("indices that both use at labelled steps", None)
    consensus: float | None = _entry("share of the shared indices with the same majority label in both", None)
    consensus_chance: float | None = _entry("the same with the labels of random clips", None)
    information: float | None = _entry(
        "normalised mutual information of index and label over the steps of both modalities together", None
    )
    information_chance: float | None = _entry("the same with the labels of random clips", None)


@attrs.frozen(kw_only=True)
class IndexTable:
    """How well a table from index to majority label, made of the training clips of one modality, predicts another's."""

    train: str = _entry("modality whose training clips make the table")
    test: str = _entry("modality whose test clips are predicted")
    accuracy: float | None = _entry("share of the labelled clips, or time steps, whose class is predicted", None)


@attrs.frozen(kw_only=True)
class BenchmarkCodes:
    """Measures on the codes of the test splits of one benchmark; with several codes a step, on those of one level."""

    benchmark: str = _entry("name of the benchmark in the recipe")
    level: int | None = _entry("number of the level, from 0; null with one code a step", None)
    labels: str = _entry("clip or step: what has one class; empty where neither has, or where the steps differ", "")
    modalities: tuple[ModalityCodes, ...] = _entry("one entry for each modality", ())
    pairs: tuple[PairCodes, ...] = _entry("one entry for each pair of modalities", ())
    tables: tuple[IndexTable, ...] = _entry("one entry for each pair of training and test modality", ())


@attrs.frozen(kw_only=True)
class CodewordDistance:
    """Mean Euclidean distances between the codewords of two modalities."""

    one: str = _entry("first modality")
    other: str = _entry("second modality")
    level: int | None = _entry("number of the level, from 0; null with one code a step", None)
    same_index: float | None = _entry("between codewords with the same index", None)
    other_indices: float | None = _entry("between codewords with different indices; null with a single codeword", None)


@attrs.frozen(kw_only=True)
class Section:
    """A section of the report that a hook gave."""

    title: str = _entry("heading")
    html: str = _entry("body; shown in a sandboxed frame")


@attrs.frozen(kw_only=True)
class Results:
    """All that reports and tables are made from."""

    format: int = _entry("version of this schema", FORMAT)
    name: str = _entry("run.name")
    status: str = _entry("state of the run: finished", "finished")
    mode: str = _entry("evaluate.mode: strict or as-published")
    data: str = _entry("origin of the pretraining data", "")
    modalities: tuple[str, ...] = _entry("modalities of the model, in order")
    run_seed: int | None = _entry("run.seed", None)
    seeds: tuple[int, ...] = _entry("seeds of the heads", ())
    epochs: int | None = _entry("epochs of pretraining", None)
    steps: int | None = _entry("steps of pretraining", None)
    batch: int | None = _entry("clips of a pretraining step, over all processes", None)
    pretraining: Pretraining = attrs.field(factory=Pretraining, metadata={"help": "cost and end of pretraining"})
    seconds: Mapping[str, float] = _table("wall time of each phase")
    parameters: int | None = _entry("trained values of the model", None)
    device: str = _entry("device of the run", "")
    dtype: str = _entry("device.dtype", "")
    versions: Mapping[str, str] = _table("versions of packages, by name")
    command: str = _entry("command that repeats the run", "")
    recipe: str = _entry("content of the recipe", "")
    directory: str = _entry("run directory", "")
    origin: str = _entry("where the weights were imported from; empty: they were pretrained by a run", "")
    model: str = _entry("model and checkpoint of an evaluation after the run; empty: the model of this run", "")
    alignment: tuple[Alignment, ...] = _entry("linear alignment steps", ())
    curves: Curves = attrs.field(factory=Curves, metadata={"help": "logged quantities"})
    learning_curves: tuple[LearningCurve, ...] = _entry(
        "scores in the course of pretraining (evaluate.every), one entry for each transfer and metric", ()
    )
    transfers: tuple[TransferScore, ...] = _entry("one entry for each transfer and metric")
    codes: tuple[BenchmarkCodes, ...] = _entry("measures on the codes of the test splits, by benchmark and level", ())
    codewords: tuple[CodewordDistance, ...] = _entry("distances between codewords of two modalities", ())
    overlap: tuple[SeenOverlap, ...] = _entry(
        "clips of benchmarks that were seen in pretraining or in the training of heads", ()
    )
    notes: tuple[str, ...] = _entry("warnings about data files", ())
    sections: tuple[Section, ...] = _entry("further sections of the report", ())

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from codaar_core.engine.results.notebook import results_html

        return results_html(self)
