"""Finds the clips that codes come from, for their labels and previews."""

from __future__ import annotations

import re
from typing import NamedTuple

import attrs
import numpy as np
import torch

from codaar_core.api import Benchmark, CodaarError, DataError, DataSource, Split
from codaar_core.engine.assembly.benchmark_splits import open_split
from codaar_core.engine.evaluation.code_labels import step_labels
from codaar_core.features.packed.writing import names_of
from codaar_core.recipe.plan import Plan
from codaar_core.report.atlas.codes import ClipCodes

BATCH = 100  # clips whose targets are read at once


class ClipSource(NamedTuple):
    """Where the rows of codes come from.

    Attributes:
        split: The clips; None if they cannot be opened.
        rows: Index in the split of each row of the codes (N,), -1 where it is unknown.
        benchmark: Name of the benchmark; empty for other clips.
        role: Role of the split in the benchmark.
    """

    split: Split | None
    rows: np.ndarray
    benchmark: str = ""
    role: str = ""


@attrs.frozen
class Openable:
    """The clips that a run can open.

    Attributes:
        plan: The plan of the run.
        data: Its data source.
        benchmarks: Its benchmarks, by name, without those that cannot be built.
    """

    plan: Plan
    data: DataSource
    benchmarks: dict[str, Benchmark]

    def source_of(self, codes: ClipCodes, problems: dict[str, None]) -> ClipSource:
        """Find the clips of codes by the description in the codes file; adds to ``problems`` why there are none."""
        of_benchmark = re.fullmatch(r"(\S+) of (\S+)", codes.clips)
        role, benchmark = of_benchmark.groups() if of_benchmark else ("", "")
        unknown = ClipSource(None, np.full(len(codes.ids), -1), benchmark, role)
        try:
            split = self._open(codes, role, benchmark)
            if split is None:
                return unknown
            rows = _rows(names_of(split), codes.ids)
        except CodaarError as error:
            problems[f"labels and previews of {codes.modality}: {error.message}"] = None
            return unknown
        if (rows < 0).any():
            problems[f"some clips of {codes.modality} are not in {codes.clips!r}, so they have no label"] = None
        return unknown._replace(split=split, rows=rows)

    def _open(self, codes: ClipCodes, role: str, benchmark: str) -> Split | None:
        if benchmark:
            bench = next((each for each in self.plan.benchmarks if each.name == benchmark), None)
            built = self.benchmarks.get(benchmark)
            return None if bench is None or built is None else open_split(self.plan, bench, built, role, codes.modality)
        name, _, origin = codes.clips.partition(": ")
        return self.data.split(name) if origin == self.data.origin else None


def _rows(names: list[str], ids: object) -> np.ndarray:
    """Index of each id among the names, -1 for an unknown or repeated one."""
    wanted = list(ids)  # type: ignore[call-overload]
    if names == wanted:
        return np.arange(len(names))
    place: dict[str, int] = {}
    for row, name in enumerate(names):
        place[name] = -1 if name in place else row
    return np.array([place.get(id, -1) for id in wanted], np.int64)


def labels_of(
    source: ClipSource, codes: ClipCodes, classes: int, known: np.ndarray | None, problems: dict[str, None]
) -> np.ndarray | None:
    """The class of each time step (N, T), ``UNLABELLED`` where there is none; None without labels.

    Args:
        source: Where the clips come from.
        codes: Their codes.
        classes: Number of classes of the benchmark.
        known: Targets of all clips of the split (N, ...), if a run has stored them; None: they are read again.
        problems: Takes the reason why labels cannot be read.
    """
    split = source.split
    if split is None or not source.benchmark or (source.rows < 0).any():
        return None
    try:
        stored = known is not None and len(known) == len(split)
        target = torch.from_numpy(np.array(known)) if stored else _targets(split, codes.modality)
    except (DataError, KeyError) as error:
        problems[f"labels of {codes.modality}: {error}"] = None
        return None
    labels = step_labels(target[source.rows], classes, codes.indices.shape[1])
    return None if labels is None else labels.numpy()


def _targets(split: Split, modality: str) -> torch.Tensor:
    parts = (range(start, min(start + BATCH, len(split))) for start in range(0, len(split), BATCH))
    return torch.cat([split[part].targets[modality] for part in parts])
