"""Confusion matrices, timelines, found clips and masks of the atlas, from files of predictions."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from codaar_core.api import Batch, DataError, Split
from codaar_core.report.atlas.benchmark_pages import BenchmarkPages, benchmark_values
from codaar_core.report.atlas.masks import is_map, png
from codaar_core.report.atlas.predictions import Archive, archives, confusion, evaluations, queries, spread, timelines
from codaar_core.report.atlas.previews import Previews
from codaar_core.testing.environment.previews import preview_problem


class Task:
    """What is read of a benchmark."""

    def __init__(self, *classes):
        self.classes = classes


class Frames(Split):
    """Clips with a picture for each of two frames."""

    def __init__(self, clips, side):
        self.pictures = torch.rand(clips, 2, 3, side, side, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, indices):
        return Batch({}, {})

    def given(self, indices):
        return self.pictures[list(indices)]


def archive(folder: Path, **arrays) -> Archive:
    """A file of predictions; NORTH__EAST is named NORTH->EAST, target_EAST target/EAST."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {name.replace("__", "->").replace("target_", "target/"): value for name, value in arrays.items()}
    np.savez_compressed(folder / "predictions.npz", **named)
    return Archive(folder / "predictions.npz")


def values_of(benchmark, *files, splits=None):
    previews, problems = Previews(), {}
    pages = [BenchmarkPages("task", benchmark, files, splits or {}, previews)]
    return benchmark_values(pages, problems), previews, problems


def test_arrays_are_read_by_rows(tmp_path):
    values = np.random.default_rng(0).random((20, 3, 4)).astype(np.float32)
    file = archive(tmp_path, north__east=values, target_east=np.arange(20))
    assert file.transfers() == [("north", "east")] and file.shape("north->east") == (20, 3, 4)
    assert (file.rows("north->east", [0, 7, 19]) == values[[0, 7, 19]]).all()
    assert (file.target("east") == np.arange(20)).all()


def test_pickled_and_damaged_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "pickled.npz", **{"target/east": np.array([{}], object)})
    with pytest.raises(DataError, match=r"target/east is damaged"):
        Archive(tmp_path / "pickled.npz").target("east")
    (tmp_path / "text.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"text\.npz cannot be read"):
        Archive(tmp_path / "text.npz").transfers()
    with pytest.raises(DataError, match="no readable target/west"):
        archive(tmp_path, target_east=np.arange(3)).target("west")


def test_files_are_ordered_by_seed(tmp_path):
    for seed in (10, 9):
        archive(tmp_path / "bench" / "task" / f"seed-{seed}", target_east=np.arange(3))
    assert [each.path.parent.name for each in archives([tmp_path], "task")] == ["seed-9", "seed-10"]


def test_a_model_without_predictions_shows_those_of_its_newest_finished_evaluation(tmp_path):
    for stamp, use in (("1", "toy:task"), ("2", "toy:task"), ("3", "toy:other"), ("4", "toy:task")):
        folder = tmp_path / "evaluations" / stamp
        archive(folder / "bench" / "task" / "seed-1", target_east=np.arange(3))
        (folder / "resolved.toml").write_text(f'[bench.task]\nuse = "{use}"\n', "utf-8")
        if stamp != "4":
            (folder / "results.json").write_text("{}", "utf-8")
    found = archives(evaluations(tmp_path, "task", "toy:task"), "task")
    assert [each.path.parents[3].name for each in found] == ["2"]
    archive(tmp_path / "bench" / "task" / "seed-1", target_east=np.arange(3))
    found = archives(evaluations(tmp_path, "task", "toy:task"), "task")
    assert [each.path for each in found] == [tmp_path / "bench" / "task" / "seed-1" / "predictions.npz"]


def test_confusion_of_classes_and_of_multi_hot_steps():
    found = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    assert found.shape == (3, 5) and found[0].tolist() == [1, 1, 0, 0, 0] and found.sum() == 4
    target = np.array([[[1, 0], [0, 1], [1, 1], [0, 0]]], np.float32)  # two steps with one class
    predicted = np.array([[[1, 1], [0, 0], [1, 0], [1, 0]]], np.float32)
    assert confusion(predicted, target, 2).tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]
    assert confusion(np.zeros((4, 7), np.float32), np.arange(4), 3) is None
    assert confusion(np.zeros(4, int), np.zeros(4, int), 1) is None


def test_timelines_are_spread_over_the_split():
    target = np.zeros((100, 3, 2), np.float32)
    target[:, 0, 1] = 1
    found = timelines(1 - target, target, 2)
    assert [each.clip for each in found] == spread(100, 8) == [0, 14, 28, 42, 57, 71, 85, 99]
    assert found[0].truth == [[1], [], []] and found[0].predicted == [[0], [0, 1], [0, 1]]
    assert timelines(np.zeros(5, int), np.zeros(5, int), 3) == []
    assert [each.truth for each in timelines(np.array([[0, 2]]), np.array([[1, 2]]), 3)] == [[[1], [2]]]
    assert spread(0, 8) == [] and spread(3, 8) == [0, 1, 2]


def test_queries_find_by_cosine_and_say_where_the_match_is():
    gallery = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    source = np.array([[5, 0], [0, 0.1]], np.float32), np.array([1, 9])
    first, second = queries(source, (gallery, np.array([0, 1, 2, 3])))
    assert [clip for clip, _, _ in first.found] == [0, 1, 2, 3]
    assert first.found[1][1] == pytest.approx(0.6) and first.found[1][2] and first.rank == 2 and first.match == 1
    assert second.found[0][0] == 2 and second.rank is None and second.match is None


def test_a_benchmark_of_classes_has_confusion_over_all_seeds_and_timelines_of_the_first(tmp_path):
    target = np.eye(3, dtype=np.float32)[np.arange(12).reshape(6, 2) % 3]
    files = [archive(tmp_path / str(s), north__east=target, east__east=target, target_east=target) for s in (1, 2)]
    ((found,), _, problems) = values_of(Task("a", "b", "c"), *files)
    assert problems == {} and found["seeds"] == 2
    assert [(each["train"], each["test"]) for each in found["confusion"]] == [("north", "east"), ("east", "east")]
    assert found["confusion"][0]["counts"] == [[0, 0, 8], [1, 1, 8], [2, 2, 8]]
    assert [each["train"] for each in found["timelines"]] == ["north"]
    assert found["timelines"][0]["clips"][1] == {
        "id": "1",
        "truth": [[2], [0]],
        "predicted": [[2], [0]],
        "previews": [],
    }
    assert "masks" not in found


def test_a_benchmark_of_embeddings_has_a_gallery(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    items = np.arange(9)
    file = archive(tmp_path, north__east=vectors, north__north=vectors, target_east=items, target_north=items)
    ((found,), _, _) = values_of(Task(), file)
    assert found["gallery"][0]["searched"] == 9 and len(found["gallery"][0]["queries"]) == 6
    assert all(query["rank"] == 1 and query["found"][0]["hit"] for query in found["gallery"][0]["queries"])
    assert found.keys() & {"confusion", "timelines", "masks"} == set()


@pytest.mark.parametrize("levels", [True, False])
def test_maps_lie_over_the_frames_of_the_benchmark(tmp_path, levels):
    truth = np.zeros((5, 2, 16, 16), np.uint8 if levels else np.float32)
    truth[:, :, :8] = 255 if levels else 1
    file = archive(tmp_path, north__east=truth[:, :, ::-1].copy(), target_east=truth)
    ((found,), previews, problems) = values_of(Task("object"), file, splits={"east": Frames(5, 16)})
    assert problems == {} and [clip["id"] for clip in found["masks"][0]["clips"]] == ["0", "1", "3", "4"]
    frame, true, predicted = (pixels(previews.entries[number]) for number in found["masks"][0]["clips"][0]["frames"][0])
    assert frame.shape == (16, 16, 3)
    assert (true[8:] == frame[8:]).all() and (true[:8] != frame[:8]).any() and (predicted[:8] == frame[:8]).all()
    assert "50%" in previews.entries[1][2]


def test_large_maps_are_thinned_and_need_no_frames(tmp_path):
    truth = np.ones((1, 300, 300), np.float32)
    file = archive(tmp_path, north__east=truth, target_east=truth)
    ((found,), previews, _) = values_of(Task("object"), file)
    assert found["masks"][0]["clips"][0]["frames"][0][0] is None
    assert pixels(previews.entries[0]).shape == (100, 100, 3)
    assert is_map((3, 8, 8), (3, 8, 8)) and not is_map((3, 8, 8), (3, 8, 9)) and not is_map((3, 2, 2), (3, 2, 2))


def test_predictions_of_another_number_of_clips_have_no_previews(tmp_path):
    truth = np.ones((3, 2, 16, 16), np.float32)
    file = archive(tmp_path, north__east=truth, target_east=truth)
    ((found,), _, _) = values_of(Task("object"), file, splits={"east": Frames(9, 16)})
    assert found["masks"][0]["clips"][0]["frames"][0][0] is None


def test_predictions_of_no_known_form_are_left_out(tmp_path):
    file = archive(tmp_path, north__east=np.zeros((4, 2, 2, 2, 2)), target_east=np.zeros(4))
    assert values_of(Task("a", "b"), file)[0] == []


def pixels(entry) -> np.ndarray:
    """Pixels of a PNG file without filters."""
    kind, content, _ = entry
    assert kind == "picture"
    file = base64.b64decode(content)
    width, height = struct.unpack_from(">II", file, 16)
    start = file.index(b"IDAT")
    rows = zlib.decompressobj().decompress(file[start + 4 :])
    return np.frombuffer(rows, np.uint8).reshape(height, -1)[:, 1:].reshape(height, width, -1)


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 3)])
def test_pictures_are_png_files(shape):
    from codaar_core.api import Picture

    values = np.random.default_rng(0).integers(0, 256, shape)
    content = png(values)
    assert preview_problem(Picture(content, "noise")) == ""
    assert (pixels(("picture", base64.b64encode(content), "")).squeeze() == values.squeeze()).all()
    assert preview_problem(Picture(content[:-20] + bytes(20), "noise"))
    assert io.BytesIO(content).read(4) == b"\x89PNG"
