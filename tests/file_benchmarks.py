"""A benchmark on files of its own, in runs of one pretraining epoch and one head."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from smallest import SMALLEST

import codaar_core

Entries = dict[tuple[str, str, str], dict[str, Any]]
REFERENCES = ("mean", "chance", "constant", "upper_bound")


@attrs.frozen
class FileBenchmark:
    """A benchmark of a recipe, in the block ``[bench.test]``.

    Args:
        recipe: The recipe.
        use: Name of the benchmark.
        settings: Settings of the benchmark and of the training of its heads.
        more: Further overrides of the recipe.
    """

    recipe: Path
    use: str
    settings: Mapping[str, Any]
    more: tuple[str, ...] = ()

    def overrides(self, *more: str) -> tuple[str, ...]:
        """Overrides of the recipe."""
        given = {"use": self.use, **self.settings}
        block = (f"bench.test.{name}={str(each) if isinstance(each, Path) else each!r}" for name, each in given.items())
        return (*SMALLEST, "evaluate.on=['test']", *self.more, *block, *more)

    def run(self, folder: Path, *more: str) -> Path:
        """Run it; gives the run directory."""
        return codaar_core.run(self.recipe, overrides=self.overrides(f"run.directory={str(folder)!r}", *more))

    def run_packed(self, folder: Path, *more: str) -> Path:
        """Pack it to ``folder/packed`` in full precision and run it from there."""
        codaar_core.pack_benchmark(self.recipe, "test", folder / "packed", "float32", self.overrides(*more))
        return self.run(folder / "runs", *more, f"bench.test.packed={str(folder / 'packed')!r}")


def entries_of(directory: Path) -> Entries:
    """The scores of a run by (train, test, metric), after a check that all are fractions with their references."""
    transfers = json.loads((directory / "results.json").read_text())["transfers"]
    assert all(0 <= entry[key] <= 1 for entry in transfers for key in REFERENCES)
    return {(entry["train"], entry["test"], entry["metric"]): entry for entry in transfers}


def predictions_of(directory: Path) -> Mapping[str, np.ndarray]:
    """The predictions and targets of a run."""
    return np.load(directory / "bench" / "test" / "seed-1" / "predictions.npz")


def assert_equal_results(first: Path, second: Path) -> None:
    """Assert that two runs have the same scores, predictions and targets."""
    assert entries_of(first) == entries_of(second)
    one, other = predictions_of(first), predictions_of(second)
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
