"""Helpers for tests of data sources and benchmarks: small data sets on disk, pretraining data, checks in both modes.

A test module gets the fixture through its ``conftest.py``::

    from codaar_core.testing.data_plugins import one_thread  # noqa: F401
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from codaar_core.api import Benchmark, Card, DataError, DataSource, Space
from codaar_core.features import RandomSplit, read_array
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.check import Check
from codaar_core.testing.subjects import BenchmarkSubject

MODES = ("strict", "as-published")
LEFT_OUT = (
    "evaluates",  # needs a whole run
    "builds-on-stated",  # builds the benchmark in a context of its own, without files; codaar_checks runs it
)
CHECKS = [check for check in checks_of("benchmark") if check.name not in LEFT_OUT]


class RandomFeatures(DataSource):
    """Pretraining data of given spaces: four clips of random features.

    Args:
        spaces: Space of each modality.
    """

    card = Card("random", "CC0-1.0", "made in memory")
    spaces: Mapping[str, Space] = {}

    def __init__(self, spaces: Mapping[str, Space]) -> None:
        super().__init__(None, None)
        self.spaces = spaces

    def split(self, name: str) -> RandomSplit:
        """The same clips for every name."""
        return self.synthetic(4, 0)

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features."""
        return RandomSplit(self.spaces, clips, seed)


def write_zipped_pickle(path: Path, values: np.ndarray, protocol: int = 2) -> None:
    """Write an array as public releases do: one pickle in a zip file; folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("feature.pkl", pickle.dumps(values, protocol=protocol))


def write_h5(path: Path, **arrays: np.ndarray) -> None:
    """Write an HDF5 file with one dataset per argument."""
    import h5py

    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key] = values


def rewrite_zips(folder: Path, suffix: str) -> int:
    """Replace every ``ID.zip`` below a folder by a file of the same array with another suffix.

    Args:
        folder: Searched recursively.
        suffix: ".npy", ".npz", ".h5" or ".safetensors".

    Returns:
        Number of files.
    """
    paths = list(folder.rglob("*.zip"))
    for path in paths:
        values, other = read_array(path), path.with_name(f"{path.name.removesuffix('.zip')}{suffix}")
        if suffix == ".npy":
            np.save(other, values)
        elif suffix == ".npz":
            np.savez(other, values)
        elif suffix == ".safetensors":
            save_file({"features": values}, other)
        else:
            write_h5(other, features=values)
        path.unlink()
    return len(paths)


def check_other_extractor(folder: Path, setting: str, *reads: Callable[[], object]) -> None:
    """Write ``extraction.toml`` that says another extractor, and check that every read is refused.

    Args:
        folder: Folder of the features; its note then says "mine".
        setting: Name of the setting that says something else.
        reads: What is refused because of it.
    """
    note = folder / "extraction.toml"
    note.write_text('made_by = "mine"\n', "utf-8")
    for read in reads:
        with pytest.raises(DataError) as caught:
            read()
        assert caught.value.message.startswith(f"{setting} is '"), caught.value.message
        assert caught.value.message.endswith(f"and {note} says that these features were made by 'mine'")


def module_beside(file: str, name: str) -> ModuleType:
    """Load ``NAME.py`` from the folder of a test file: folders of tests are no packages."""
    spec = util.spec_from_file_location(name, Path(file).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, as test processes share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def benchmark_checks(component: type[Benchmark], name: str, fixture: str) -> Callable[..., None]:
    """Make the test that runs the conformance checks of a benchmark on small files, in both modes.

    The checks run on the files that the fixture provides, where those of ``codaar_checks`` have none.

    Args:
        component: The benchmark.
        name: Its name in recipes.
        fixture: Name of a fixture whose value builds the benchmark by ``value(mode=...)``.
    """

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
    def test_benchmark(check: Check, mode: str, request: pytest.FixtureRequest) -> None:
        build = request.getfixturevalue(fixture)

        class Subject(BenchmarkSubject):
            def build(self, context: Any = None) -> Benchmark:
                return build(mode=mode)

            @property
            def context(self) -> Benchmark:
                return build(mode=mode)  # has the modalities of its context

        subject = Subject("benchmark", name, component)
        if check.applies(subject):
            check(subject)

    return test_benchmark
