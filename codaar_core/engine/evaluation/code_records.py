"""Measures on the codes of a benchmark's test splits, as entries of results.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from typing import TypeVar

import attrs
import torch
from torch import Tensor

from codaar_core.api import Benchmark, Quantizer
from codaar_core.engine.devices.runtime import generator_of
from codaar_core.engine.evaluation.code_labels import labels_are_of_clips, step_labels
from codaar_core.engine.evaluation.code_measures import (
    Measures,
    agreement,
    agreement_by_chance,
    distances,
    joint_counts,
    label_measures,
    perplexity,
    shared_indices,
    table_accuracy,
    usage,
)
from codaar_core.engine.evaluation.encode_split import EncodedSplit
from codaar_core.engine.results import BenchmarkCodes, CodewordDistance, IndexTable, ModalityCodes, PairCodes

SHUFFLES = 20  # random assignments of labels to clips, averaged for the chance level

Record = TypeVar("Record", BenchmarkCodes, CodewordDistance)
TrainingClips = Callable[[str], EncodedSplit]
"""Encodes the training clips of a benchmark in one modality."""


def measure_levels(
    name: str,
    benchmark: Benchmark,
    encoded: Mapping[str, EncodedSplit],
    quantizer: Quantizer,
    training: TrainingClips | None = None,
) -> tuple[BenchmarkCodes, ...]:
    """Measure the codes of each level by itself; see ``measure_codes``."""
    size = quantizer.level_size

    def measured(level: int) -> BenchmarkCodes:
        codes = {m: each.of_level(level, size) for m, each in encoded.items()}
        trained = None if training is None else lambda m: training(m).of_level(level, size)
        return measure_codes(name, benchmark, codes, size, trained)

    return _numbered([measured(level) for level in range(quantizer.levels)])


def measure_codes(
    name: str,
    benchmark: Benchmark,
    encoded: Mapping[str, EncodedSplit],
    size: int,
    training: TrainingClips | None = None,
) -> BenchmarkCodes:
    """Measure the codes of the test splits of a benchmark, on the CPU.

    Args:
        name: The benchmark's name in the recipe.
        benchmark: The benchmark.
        encoded: Encoded test clips by modality.
        size: Number of codewords K.
        training: Encodes training clips; None if the benchmark has none.
    """
    codes = {m: _on_cpu(each) for m, each in encoded.items()}
    return MeasuredCodes(codes, len(benchmark.classes), benchmark.summarised, size, training).record(name)


def codeword_distances(codebooks: Mapping[str, Tensor], levels: int = 1) -> tuple[CodewordDistance, ...]:
    """Return the mean distances between the codewords (K, D) of each pair of modalities, level by level."""
    records: list[CodewordDistance] = []
    for m, n in combinations(codebooks, 2):
        pairs = zip(codebooks[m].chunk(levels), codebooks[n].chunk(levels), strict=True)
        found = (distances(*pair) for pair in pairs)
        of_levels = [CodewordDistance(one=m, other=n, same_index=same, other_indices=rest) for same, rest in found]
        records += _numbered(of_levels)
    return tuple(records)


def _numbered(records: Sequence[Record]) -> tuple[Record, ...]:
    """Number the records of levels; a single one has no number."""
    if len(records) == 1:
        return tuple(records)
    return tuple(attrs.evolve(record, level=number) for number, record in enumerate(records))


def _on_cpu(encoded: EncodedSplit) -> EncodedSplit:
    mask = None if encoded.mask is None else encoded.mask.cpu()
    return encoded._replace(indices=encoded.indices.cpu(), mask=mask, target=encoded.target.cpu())


@attrs.frozen(slots=False)
class MeasuredCodes:
    """Measures on the codes of the test splits of one benchmark.

    Attributes:
        codes: Encoded test clips on the CPU, by modality.
        classes: Number of classes of the benchmark.
        summarised: Modalities in which a whole clip is one code.
        size: Number of codewords K.
        training: Encodes training clips; None if the benchmark has none.
    """

    codes: Mapping[str, EncodedSplit]
    classes: int
    summarised: Collection[str]
    size: int
    training: TrainingClips | None = None

    def record(self, name: str) -> BenchmarkCodes:
        """Return the entry of the benchmark called ``name``."""
        return BenchmarkCodes(
            benchmark=name,
            labels=self.label_kind,
            modalities=tuple(map(self.modality_record, self.codes)),
            pairs=tuple(self.pair_record(*pair) for pair in combinations(self.codes, 2)),
            tables=tuple(self.table_records()),
        )

    @cached_property
    def labels(self) -> dict[str, Tensor]:
        """Class of each time step (N, T), by modality; without the modalities that have none."""
        found = {m: step_labels(each.target, self.classes, each.indices.shape[1]) for m, each in self.codes.items()}
        return {m: labels for m, labels in found.items() if labels is not None}

    @property
    def label_kind(self) -> str:
        """What has one class: "clip" or "step"; empty if nothing has."""
        if not self.labels:
            return ""
        of_clips = all(labels_are_of_clips(self.codes[m].target, self.classes) for m in self.labels)
        return "clip" if of_clips else "step"

    @cached_property
    def joints(self) -> dict[str, Tensor]:
        """Counts (K, classes) of index and label, by modality."""
        return self.joint_counts(self.labels)

    def joint_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Count index and label of each step, by modality."""
        return {m: joint_counts(self.codes[m].indices, each, self.real(m), self.size) for m, each in labels.items()}

    @cached_property
    def measured(self) -> Measures:
        """Consensus and information."""
        return label_measures(self.joints)

    @cached_property
    def by_chance(self) -> Measures:
        """Means of consensus and information with the labels of random clips, drawn for each modality by itself."""
        draws = [label_measures(self.joint_counts(self.shuffled_labels(draw))) for draw in range(SHUFFLES)]
        return {key: _mean([draw[key] for draw in draws]) for key in draws[0]}

    def shuffled_labels(self, draw: int) -> dict[str, Tensor]:
        """Return the labels of each clip exchanged with those of another one; the same for equal ``draw``."""
        generator = generator_of(draw, "shuffled labels")
        return {m: each[torch.randperm(len(each), generator=generator)] for m, each in self.labels.items()}

    def table_records(self) -> list[IndexTable]:
        """Return the entries of tables of training clips; none where clips or steps have no single class."""
        if self.training is None or not self.labels:
            return []
        clips = {m: _on_cpu(self.training(m)) for m in self.labels}
        trained = MeasuredCodes(clips, self.classes, self.summarised, self.size)
        whole_clips = self.label_kind == "clip"
        return [
            IndexTable(
                train=m,
                test=n,
                accuracy=table_accuracy(
                    trained.joints[m], self.codes[n].indices, self.labels[n], self.real(n), whole_clips
                ),
            )
            for m, n in product(trained.labels, self.labels)
        ]

    def real(self, modality: str) -> Tensor:
        """Return True where a time step is real (N, T)."""
        indices, mask = self.codes[modality].indices, self.codes[modality].mask
        return torch.ones_like(indices, dtype=torch.bool) if mask is None else mask

    def modality_record(self, modality: str) -> ModalityCodes:
        """Return the entry of one modality."""
        counts = usage(self.codes[modality].indices, self.real(modality), self.size)
        return ModalityCodes(
            modality=modality,
            size=self.size,
            steps=int(counts.sum()),
            used=int((counts > 0).sum()),
            perplexity=perplexity(counts),
            labelled=int(self.joints[modality].sum()) if modality in self.joints else 0,
            information=self.measured.get(("information", modality)),
            information_chance=self.by_chance.get(("information", modality)),
        )

    def pair_record(self, one: str, other: str) -> PairCodes:
        """Return the entry of two modalities."""
        labelled = one in self.joints and other in self.joints
        record = PairCodes(
            one=one,
            other=other,
            shared=shared_indices(self.joints[one], self.joints[other]) if labelled else None,
            consensus=self.measured.get(("consensus", one, other)),
            consensus_chance=self.by_chance.get(("consensus", one, other)),
            information=self.measured.get(("information", one, other)),
            information_chance=self.by_chance.get(("information", one, other)),
        )
        return self.with_agreement(record) if self.are_paired(one, other) else record

    def are_paired(self, one: str, other: str) -> bool:
        """Whether two modalities have the same clips and time steps, so that their indices can be compared.

        Splits without names of clips are paired if they have equally many clips.
        """
        first, second = self.codes[one], self.codes[other]
        if (one in self.summarised) != (other in self.summarised) or len(first.indices) != len(second.indices):
            return False
        ids = first.split.ids, second.split.ids
        return ids[0] is None or ids[1] is None or list(ids[0]) == list(ids[1])

    def with_agreement(self, record: PairCodes) -> PairCodes:
        """Add how often both modalities have the same index at the same time step."""
        names = record.one, record.other
        length = min(self.codes[m].indices.shape[1] for m in names)
        one, other = (self.codes[m].indices[:, :length] for m in names)
        both = self.real(record.one)[:, :length] & self.real(record.other)[:, :length]
        return attrs.evolve(
            record,
            steps=int(both.sum()),
            agreement=agreement(one, other, both),
            agreement_chance=agreement_by_chance(*(usage(each, both, self.size) for each in (one, other))),
        )


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None
