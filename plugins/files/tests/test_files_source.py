"""The data source: lengths, rates, absent modalities, formats and defects."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from codaar_plugin_files.example_files import write_example
from codaar_plugin_files.source import Files

from codaar_core.api import ComponentError, DataContext, DataError
from codaar_core.features import Header, PackedSplit, pack_split

SHAPES = {"north": (3,), "east": (2, 2)}
LENGTHS = {"north": {"a": 5, "b": 2, "c": 7}, "east": {"a": 4, "b": 2, "d": 3}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clips of different lengths; c has no east and d no north. Every step has its own number."""
    for modality, lengths in LENGTHS.items():
        (tmp_path / modality).mkdir()
        for name, steps in lengths.items():
            steps_first = np.arange(steps, dtype=np.float32).reshape(-1, *[1] * len(SHAPES[modality]))
            np.save(tmp_path / modality / f"{name}.npy", np.broadcast_to(steps_first, (steps, *SHAPES[modality])))
    return tmp_path


def source(root: Path, modalities=("north", "east"), **settings) -> Files:
    config = Files.Config(root=str(root), **{"features": {"north": "north", "east": "east"}, **settings})
    return Files(config, DataContext(modalities))


def steps_of(split, modality: str, clip: int) -> list[float]:
    """First value of each real step of a clip in a batch of all clips."""
    values, mask = split[range(len(split))].inputs[modality]
    real = torch.ones(values.shape[:2], dtype=torch.bool) if mask is None else mask
    return values[clip, real[clip]].flatten(1)[:, 0].tolist() if real[clip].any() else []


def test_shapes_and_clips_are_found(folder):
    data = source(folder)
    assert {m: space.shape for m, space in data.spaces.items()} == SHAPES
    assert all(space.length is None for space in data.spaces.values())
    split = data.split("pretrain")
    assert list(split.ids) == ["a", "b", "c", "d"]
    counted = "1 x clip without east, 1 x clip without north"
    assert data.origin == f"4 clips of {folder} ({counted}): 4 pretrain" and split.notes == [counted]


def test_lengths_are_masked_and_absent_modalities_too(folder):
    split = pickle.loads(pickle.dumps(source(folder).split("pretrain")))
    batch = split[range(4)]
    assert all(values.shape[1] == 7 for values, _ in batch.inputs.values())
    assert batch.inputs["north"].mask.sum(1).tolist() == [5, 2, 7, 0]
    assert batch.inputs["east"].mask.sum(1).tolist() == [4, 2, 0, 3]
    assert steps_of(split, "north", 1) == [0, 1] and steps_of(split, "east", 2) == []
    assert split[[1]].inputs["north"].mask is None  # a batch is padded to its own longest clip


def test_a_stated_number_of_steps(folder):
    data = source(folder, steps=4)
    batch = data.split("pretrain")[[1]]
    assert data.spaces["north"].length == 4
    assert batch.inputs["north"].mask.tolist() == [[True, True, False, False]]
    assert steps_of(data.split("pretrain"), "north", 2) == [0, 1, 2, 3]


def test_clips_without_a_modality_can_be_left_out(folder):
    assert list(source(folder, absent="leave-out").split("pretrain").ids) == ["a", "b"]


def test_one_modality_reads_no_other_file(folder):
    (folder / "east" / "a.npy").write_bytes(b"nothing")
    split = source(folder, ("north",)).split("pretrain")
    assert list(split.ids) == ["a", "b", "c"] and split[[0]].inputs.keys() == {"north"}


@pytest.mark.parametrize(("rule", "shown"), [("nearest", [1, 3, 5]), ("mean", [0.5, 2.5, 4.5])])
def test_rates_are_brought_onto_one_clock(folder, rule, shown):
    data = source(folder, rate={"north": 2.0, "east": 1.0}, resample=rule)
    split = data.split("pretrain")
    assert steps_of(split, "north", 2)[:3] == shown and steps_of(split, "east", 0) == [0, 1, 2, 3]
    assert split[[0]].inputs["north"].values.shape[1] == split[[0]].inputs["east"].values.shape[1] == 4


def test_packed_as_original(folder, tmp_path):
    split = source(folder).split("pretrain")
    pack_split(split, tmp_path / "p.h5", Header("x", "y", {}), "float32")
    packed = PackedSplit(tmp_path / "p.h5")[range(4)]
    for modality, (values, mask) in split[range(4)].inputs.items():
        assert torch.equal(packed.inputs[modality].values, values)
        assert torch.equal(packed.inputs[modality].mask, mask)


def test_one_file_with_all_clips_and_a_pattern(folder):
    with h5py.File(folder / "north.h5", "w") as file:
        for path in (folder / "north").iterdir():
            file[path.stem] = np.load(path)
    whole, single = (
        source(folder).split("pretrain"),
        source(folder, features={"north": "north.h5", "east": "east/*.npy"}).split("pretrain"),
    )
    for modality in SHAPES:
        assert torch.equal(whole[range(4)].inputs[modality].values, single[range(4)].inputs[modality].values)


def test_numbered_arrays_are_one_clip(folder):
    (folder / "east" / "a.npy").rename(folder / "east" / "a#1.npy")
    np.save(folder / "east" / "a#0.npy", np.full((1, 2, 2), 9, np.float32))
    split = source(folder).split("pretrain")
    assert list(split.ids) == ["a", "b", "c", "d"] and steps_of(split, "east", 0) == [9]


def test_a_step_without_axis_of_time(folder):
    np.save(folder / "north" / "a.npy", np.ones(3, np.float32))
    assert steps_of(source(folder, shapes=SHAPES).split("pretrain"), "north", 0) == [1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 3), np.nan), r"north/b\.npy: 6 of 6 values are NaN"),
        (np.ones((2, 4)), r"north/b\.npy: expected the shape \(steps, 3\), it has \(2, 4\)"),
        (np.ones((0, 3)), r"north/b\.npy: expected the shape \(steps, 3\)"),
        (np.array(["x"]), r"north/b\.npy is no \.npy file of numbers"),
        (np.ones((20, 3)), r"north/b\.npy: 20 steps, at most 10 are allowed"),
    ],
)
def test_bad_arrays_name_their_file(folder, values, message):
    np.save(folder / "north" / "b.npy", values)
    split = source(folder, most_steps=10).split("pretrain")
    with pytest.raises(DataError, match=message):
        split[range(4)]
    with pytest.warns(UserWarning, match="1 of 4 clips are left out"):
        assert len(source(folder, most_steps=10, bad_clips="skip", bad_share=0.3).split("pretrain")) == 3


def test_two_files_of_one_clip(folder):
    np.savez(folder / "north" / "a.npz", np.ones((2, 3)))
    with pytest.raises(DataError, match=r"a\.npy and .*a\.npz are two files of the clip 'a'"):
        source(folder).split("pretrain")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shares": {"pretrain": 1.0, "test": 0.0}}, "the split 'test' of .* has no clips"),
        ({"shares": {"pretrain": 1.0}}, "have no split 'test'"),
        ({"splits": "missing.csv"}, "missing.csv is missing"),
        ({"features": {"north": "west", "east": "east"}}, "west is missing"),
        ({"captions": "captions.csv"}, "captions.csv is missing"),
    ],
)
def test_what_is_missing_is_an_error(folder, settings, message):
    with pytest.raises(DataError, match=message) as raised:
        source(folder, **settings).split("test" if "shares" in settings else "pretrain")
    assert raised.value.message


def test_pretrain_and_train_stand_for_each_other(folder):
    (folder / "s.csv").write_text("id,split\na,train\nb,test\n")
    data = source(folder, splits="s.csv")
    assert list(data.split("pretrain").ids) == list(data.split("train").ids) == ["a"]
    assert data.split("train").notes[0].startswith("2 x clip in no split")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shares": {"a": 0.5}}, "must sum to 1"),
        ({"shares": {"a": 1.0}, "splits": "x"}, "clips are divided in one way"),
        ({"rate": {"north": 1.0}}, "no value for 'east'"),
        ({"rate": {"north": 1.0, "west": 1.0}}, "has 'west', which is not in `features`"),
        ({"features": {}}, "features"),
    ],
)
def test_settings_that_contradict_each_other(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        source(tmp_path, **settings)


def test_an_unknown_modality(tmp_path):
    with pytest.raises(ComponentError, match="`features` has no 'west', it has north, east"):
        source(tmp_path, ("west",))


def test_extractors_are_read_from_their_notes(folder):
    (folder / "north" / "extraction.toml").write_text('made_by = "mine"\n')
    assert source(folder).extraction == {"north": "mine"}
    assert source(folder, made_by={"east": "other", "north": "mine"}).extraction == {"north": "mine", "east": "other"}
    with pytest.raises(DataError, match="made_by.north is 'other', and .*extraction.toml says .* made by 'mine'"):
        source(folder, made_by={"north": "other"}).extraction  # noqa: B018
    (folder / "north" / "extraction.toml").write_text("made_by =")
    with pytest.raises(DataError, match="extraction.toml is no TOML file"):
        source(folder).extraction  # noqa: B018


def test_folders_are_listed_once(tmp_path, monkeypatch):
    """Opening lists each folder once; no file is looked at before it is read."""
    for modality in SHAPES:
        (tmp_path / modality).mkdir()
        for number in range(2000):
            (tmp_path / modality / f"{number}.npy").touch()
    calls = []
    original = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **more: calls.append(self) or original(self, **more))
    split = source(tmp_path, shapes=SHAPES).split("pretrain")
    assert len(split) == 2000 and len(calls) < 20


def test_example_files_have_all_tables(tmp_path):
    root = write_example(tmp_path, SHAPES, clips=8)
    data = source(root, captions="captions.csv", group="speaker", shares={"pretrain": 1.0})
    assert not data.clips.defects and len(data.split("pretrain")) == 8
