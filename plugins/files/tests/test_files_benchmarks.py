"""The four benchmarks: their clips, labels and scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_files.classification import FilesClassification
from codaar_plugin_files.example_files import KINDS, write_example
from codaar_plugin_files.localization import FilesLocalization
from codaar_plugin_files.regression import FilesRegression, r_squared
from codaar_plugin_files.regressor import ClipRegressor
from codaar_plugin_files.retrieval import FilesRetrieval
from codaar_plugin_files.source import Files

from codaar_core.api import (
    BenchmarkContext,
    ComponentError,
    DataContext,
    DataError,
    HeadContext,
    Predicted,
    Quantized,
    Space,
)
from codaar_core.testing.data_plugins import RandomFeatures

SHAPES = {"north": (3,), "east": (4,), "west": (2, 2)}
ALL = [FilesClassification, FilesLocalization, FilesRegression, FilesRetrieval]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_example(tmp_path, SHAPES, clips=40)
    return tmp_path


def made(kind, root: Path, data=None, **settings):
    config = Files.Config(
        root=str(root),
        features={name: name for name in SHAPES},
        **{"steps": 6, "shares": {"train": 0.5, "validation": 0.2, "test": 0.3}, **(data or {})},
    )
    source = Files(config, DataContext(tuple(SHAPES)))
    return kind(kind.Config(**settings), BenchmarkContext(tuple(SHAPES), source, "strict"))


@pytest.mark.parametrize("kind", ALL)
def test_all_pairs_of_modalities(kind, folder):
    benchmark = made(kind, folder)
    assert len(benchmark.transfers()) == 6 and benchmark.selection == "validation"
    for modality in SHAPES:
        batch = benchmark.split("test", modality)[[0, 1]]
        assert batch.inputs.keys() == batch.targets.keys() == {modality}


def test_without_validation_clips_the_last_epoch(folder):
    assert made(FilesClassification, folder, {"shares": {"train": 0.5, "test": 0.5}}).selection == "last"


def test_classes_of_clips(folder):
    benchmark = made(FilesClassification, folder)
    assert benchmark.classes == tuple(sorted(KINDS))
    split = benchmark.split("test", "east")
    rows = dict(line.split(",") for line in (folder / "labels.csv").read_text().splitlines()[1:])
    found = [benchmark.classes[index] for index in split[range(len(split))].targets["east"]]
    assert found == [rows[name] for name in split.ids]


def test_unlabelled_clips_are_left_out_and_counted(folder):
    (folder / "labels.csv").write_text("id,label\nclip-0000,dog\nclip-0001,cat\nnobody,dog\n")
    benchmark = made(FilesClassification, folder, {"shares": {"train": 0.0, "test": 1.0}})
    split = benchmark.split("test", "east")
    assert list(split.ids) == ["clip-0000", "clip-0001"]
    assert split.notes == ["1 x label of an unknown clip left out, 38 x clip without label"]


def test_labels_of_steps(folder):
    (folder / "segments.csv").write_text(
        "id,start,end,label,modality\nclip-0000,1,3,dog,\nclip-0000,2,9,cat,east\nclip-0001,7,8,dog,\n"
    )
    np.save(folder / "east" / "clip-0000.npy", np.ones((4, 4), np.float32))
    benchmark = made(FilesLocalization, folder, {"shares": {"train": 0.0, "test": 1.0}})
    assert benchmark.classes == ("cat", "dog", "background")
    east, north = (benchmark.split("test", m) for m in ("east", "north"))
    assert east[[0]].targets["east"][0].T.tolist() == [[0, 0, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    assert north[[0]].targets["north"][0].T.tolist() == [[0] * 6, [0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 1, 1]]
    assert [str(each).partition("csv")[2] for each in east.defects] == [
        ":3: label beyond the end of its clip (clip-0000)",
        ":4: label beyond the end of its clip (clip-0001)",
    ]


def test_localization_needs_steps(folder):
    with pytest.raises(ComponentError, match="needs a number of steps per clip"):
        made(FilesLocalization, folder, {"steps": None})


def test_numbers_are_standardised_by_the_training_clips(folder):
    benchmark = made(FilesRegression, folder)
    assert benchmark.classes == ("size", "kind")
    train = benchmark.split("train", "east")
    target = train[range(len(train))].targets["east"]
    torch.testing.assert_close(target.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(target.std(0, correction=0), torch.ones(2))
    truth = Predicted(target, target)
    assert benchmark.score(truth, truth) == {"r2": 1.0, "rmse": 0.0}
    assert made(FilesRegression, folder, columns=("kind",)).classes == ("kind",)


def test_r_squared():
    target = torch.tensor([[1.0], [3.0]])
    assert r_squared(torch.full((2, 1), 2.0), target) == 0
    assert r_squared(torch.tensor([[1.0], [2.0]]), target) == 0.5
    assert r_squared(torch.ones(2, 1), torch.ones(2, 1)) == 1


def test_a_regressor_ignores_masked_steps():
    head = ClipRegressor(ClipRegressor.Config(), HeadContext(Space((4,)), Space((2,)), ("x",)))
    full, mask = torch.randn(1, 3, 4), torch.tensor([[True, True, False]])
    codes = Quantized(torch.tensor([[0, 1, 2]]), full[..., :2], full, mask=mask)
    expected = head.regress(full[:, :2]).mean(1)
    torch.testing.assert_close(head(codes), expected)


def test_retrieval_searches_clips_with_all_modalities(folder):
    (folder / "west" / "clip-0000.npy").unlink()
    (folder / "east" / "clip-0001.npy").rename(folder / "east" / "clip-0001#0.npy")
    np.save(folder / "east" / "clip-0001#1.npy", np.ones((2, 4), np.float32))
    benchmark = made(FilesRetrieval, folder, {"shares": {"train": 0.0, "test": 1.0}})
    east, west = benchmark.split("test", "east"), benchmark.split("test", "west")
    assert len(west) == 39 and len(east) == 40 and "clip-0000" not in east.ids
    assert east[range(3)].targets["east"].tolist() == [0, 0, 1]
    with pytest.raises(DataError, match="retrieval has no train clips"):
        benchmark.split("train", "east")


@pytest.mark.parametrize("kind", ALL)
def test_other_data_and_other_modes_are_refused(kind, folder):
    with pytest.raises(ComponentError, match="needs the data source files, and the recipe uses RandomFeatures"):
        kind(kind.Config(), BenchmarkContext(("north",), RandomFeatures({}), "strict"))
    with pytest.raises(ComponentError, match="needs published results"):
        kind(kind.Config(), BenchmarkContext(("north",), made(kind, folder).data, "as-published"))
