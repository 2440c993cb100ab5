"""A benchmark under test."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from itertools import product

import attrs
from torch import Tensor

from codaar_core.api import Benchmark, BenchmarkContext, DataSource
from codaar_core.testing.environment import toy_model, toys
from codaar_core.testing.subjects.data import DataSubject
from codaar_core.testing.subjects.subject import Subject

TEST_CLIPS = 200  # at most


@attrs.frozen(slots=False, auto_attribs=False)  # `component` is a field of the base
class BenchmarkSubject(Subject):
    """A benchmark, over the data of its package where there are such, else over toy data of what it needs."""

    component: type[Benchmark]
    data: tuple[DataSubject, ...] = attrs.field(default=())  # the data sources of its package

    def contexts(self) -> Iterator[BenchmarkContext]:
        """Each data source of its package and toy data, in each mode."""
        for mode, data in product(("strict", "as-published"), self._sources()):
            yield BenchmarkContext(tuple(data.spaces), data, mode, partial(toy_task, tuple(data.spaces)))

    def _sources(self) -> list[DataSource]:
        return [*(source.sample for source in self.data), toys.toy_data(self.component.needs)]

    @property
    def tested(self) -> list[str]:
        """The modalities of its transfers."""
        return list(dict.fromkeys(modality for transfer in self.sample.transfers() for modality in transfer))

    @cached_property
    def truths(self) -> dict[str, Tensor]:
        """The targets of the first test clips, by modality."""
        splits = {modality: self.sample.split("test", modality) for modality in self.tested}
        return {m: split[range(min(TEST_CLIPS, len(split)))].targets[m] for m, split in splits.items()}


def toy_task(modalities: tuple[str, ...], name: str) -> Benchmark:
    """A classification of toy features, for benchmarks that build on another one, whatever its name."""
    data = toys.toy_data(modalities)
    config = toy_model.ToyTask.Config()
    return toy_model.ToyTask(config, BenchmarkContext(tuple(data.spaces), data, "strict"))
