"""`codaar encode`: the file of codes agrees with the model and the evaluation; interruptions and damaged clips."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from smallest import SMALLEST
from toy_run import toy_plan

import codaar_core
from codaar_core.api import CodaarError, DataError
from codaar_core.cli.commands import codaar
from codaar_core.engine import run
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_model
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.encoding import parts
from codaar_core.engine.evaluation.encode_split import encode_split
from codaar_core.recipe import load

DIGITS = [*SMALLEST, "evaluate.on=['classification']", "data.classification=[20,20]", "bench.classification.epochs=1"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1", "bench.toy.epochs=1", "evaluate.seeds=[1]"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """An untrained model of recipes/avt.toml; codewords are spread over the latents, so that many are in use."""
    plan = load("recipes/avt.toml", DIGITS)
    model = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    model.quantizer.codewords.normal_()
    folder = tmp_path_factory.mktemp("digits") / "run"
    return codaar_core.adopt_model(folder, "recipes/avt.toml", DIGITS, model.state_dict(), origin="test")


@pytest.fixture
def small_parts(monkeypatch) -> None:
    monkeypatch.setattr(parts, "PART", 8)


def content(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        found: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def features(folder: Path, clips: int = 20, shape: tuple[int, ...] = (8,)) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for clip in range(clips):
        np.save(folder / f"clip{clip:02d}.npy", generator.normal(size=(3 + clip % 4, *shape)).astype(np.float32))
    return folder


def test_codes_are_those_of_single_clips_and_of_the_evaluation(digits, tmp_path):
    codaar_core.encode(digits, tmp_path / "codes.h5", "test of classification", device="cpu", batch=7)
    written = content(tmp_path / "codes.h5")
    plan, model = load(digits / "resolved.toml"), codaar_core.open_model(digits)
    benchmark = build_benchmarks(plan, build_data(plan), model.model.quantizer)["classification"]
    used = 0
    for modality in model.model.modalities:
        split = benchmark.split("test", modality)
        evaluated = encode_split(model.model, make_runtime(plan.device), split, modality)
        alone = [model.encode({modality: split[[clip]].inputs[modality]})[modality] for clip in range(len(split))]
        mask = written[f"{modality}/mask"]
        assert mask.shape[0] == len(split) == 20
        assert np.array_equal(mask, np.ones_like(mask) if evaluated.mask is None else evaluated.mask.numpy())
        for clip, code in enumerate(alone):
            real = mask[clip]
            assert np.array_equal(written[f"{modality}/indices"][clip][real], evaluated.indices[clip].numpy()[real])
            assert np.array_equal(written[f"{modality}/indices"][clip][real], code.indices[0].numpy()[real])
        used += len(np.unique(written[f"{modality}/indices"][mask]))
    assert used > 20  # the model has not collapsed, so that equality means something


def test_the_file_has_every_column(toy, tmp_path):
    extra = ("latents", "vectors", "distances")
    done = codaar_core.encode(
        toy, tmp_path / "codes.h5", extra=extra, jsonl=tmp_path / "codes.jsonl", seconds=0.5, device="cpu"
    )
    assert (done.clips, done.codes, done.bad, done.resumed) == ({"north": 40, "east": 40}, 400, {}, 0)
    written, model = content(tmp_path / "codes.h5"), codaar_core.open_model(toy)
    split = build_data(load(toy / "resolved.toml")).split("pretrain")
    for modality in ("north", "east"):
        column = {name.partition("/")[2]: each for name, each in written.items() if name.startswith(modality)}
        assert set(column) == {"ids", "indices", "mask", "times", *extra}
        assert [id.decode() for id in column["ids"]] == [str(clip) for clip in range(40)]
        assert column["times"].tolist() == [0, 0.5, 1, 1.5, 2]
        codes = model.encode({modality: split[range(40)].inputs[modality]})[modality]
        assert np.array_equal(column["indices"], codes.indices.numpy())
        assert np.array_equal(column["vectors"], model.lookup(modality, column["indices"]).numpy())
        assert np.array_equal(column["distances"].argmin(-1), column["indices"])
        book = model.model.quantizer.codebooks()[modality].numpy()
        squared = ((column["latents"][:, :, None] - book) ** 2).sum(-1)
        np.testing.assert_allclose(column["distances"], squared, rtol=1e-4, atol=1e-4)
    lines = [json.loads(line) for line in (tmp_path / "codes.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 80
    east = next(line for line in lines if line["modality"] == "east" and line["id"] == "7")
    assert east["indices"] == written["east/indices"][7].tolist()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["codes.h5", "codes.jsonl"]


def test_a_folder_of_clips_of_several_lengths(toy, tmp_path, small_parts):
    folder = features(tmp_path / "features")
    done = codaar_core.encode(toy, tmp_path / "codes.h5", folders=[("east", folder)], batch=3, device="cpu")
    written, model = content(tmp_path / "codes.h5"), codaar_core.open_model(toy)
    assert done.clips == {"east": 20}
    assert written["east/indices"].shape == (20, 6)
    for clip, path in enumerate(sorted(folder.iterdir())):
        alone = model.encode({"east": np.load(path)[None]})["east"].indices[0].tolist()
        assert written["east/ids"][clip].decode() == path.stem
        assert written["east/mask"][clip].sum() == len(alone)
        assert written["east/indices"][clip].tolist() == alone + [0] * (6 - len(alone))


def test_a_packed_file(toy, tmp_path):
    packed = codaar_core.pack_data(toy / "resolved.toml", tmp_path / "packed", dtype="float32").path
    codaar_core.encode(toy, tmp_path / "packed.h5", packed=packed, device="cpu")
    codaar_core.encode(toy, tmp_path / "direct.h5", device="cpu")
    assert same(content(tmp_path / "packed.h5"), content(tmp_path / "direct.h5"))


def test_parts_and_batches_change_nothing(toy, tmp_path, monkeypatch):
    codaar_core.encode(toy, tmp_path / "one.h5", extra=["latents"], device="cpu")
    monkeypatch.setattr(parts, "PART", 7)
    codaar_core.encode(toy, tmp_path / "many.h5", extra=["latents"], batch=3, device="cpu")
    one, many = content(tmp_path / "one.h5"), content(tmp_path / "many.h5")
    for name in ("north/latents", "east/latents"):
        np.testing.assert_allclose(one.pop(name), many.pop(name), rtol=1e-5, atol=1e-6)
    assert same(one, many)


def test_damaged_clips_are_refused_or_left_out(toy, tmp_path, small_parts):
    folder = features(tmp_path / "features")
    codaar_core.encode(toy, tmp_path / "whole.h5", folders=[("east", folder)], device="cpu")
    np.save(folder / "clip05.npy", np.full((4, 8), np.nan, np.float32))
    (folder / "clip11.npy").write_bytes(b"no array")
    call = {"model": toy, "to": tmp_path / "codes.h5", "folders": [("east", folder)], "device": "cpu"}
    with pytest.raises(DataError, match=r"clip05.npy: 32 of 32 values are NaN(.|\n)*--bad-clips skip"):
        codaar_core.encode(**call)
    done = codaar_core.encode(**call, bad_clips="skip")
    assert list(done.bad) == ["clip05", "clip11"]
    assert "clip11.npy" in done.bad["clip11"]
    whole, left = content(tmp_path / "whole.h5"), content(tmp_path / "codes.h5")
    kept = [clip for clip in range(20) if clip not in (5, 11)]
    for name in ("east/ids", "east/indices", "east/mask"):
        assert np.array_equal(left[name], whole[name][kept])


def test_no_file_is_written_if_every_clip_is_left_out(toy, tmp_path):
    folder = tmp_path / "features"
    folder.mkdir()
    np.save(folder / "clip.npy", np.full((4, 8), np.nan, np.float32))
    call = {"model": toy, "to": tmp_path / "codes.h5", "folders": [("east", folder)], "device": "cpu"}
    with pytest.raises(DataError, match="none of the 1 clips can be encoded; clip: .*32 of 32 values are NaN"):
        codaar_core.encode(**call, bad_clips="skip")
    assert [path.name for path in tmp_path.iterdir() if path != toy] == ["features"]


def test_an_interrupted_call_is_continued(toy, tmp_path, small_parts):
    class Stopped(Exception):
        pass

    def stop(done: int, clips: int) -> None:
        if done > 20:
            raise Stopped

    with pytest.raises(Stopped):
        codaar_core.encode(toy, tmp_path / "codes.h5", device="cpu", progress=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["codes.h5.partial"]
    with pytest.raises(DataError, match=r"has codes with extra = \[\], now it is \['latents'\]"):
        codaar_core.encode(toy, tmp_path / "codes.h5", extra=["latents"], device="cpu")
    seen: list[tuple[int, int]] = []
    done = codaar_core.encode(toy, tmp_path / "codes.h5", device="cpu", progress=lambda *each: seen.append(each))
    assert done.resumed == 16
    assert seen[0] == (24, 40) and seen[-1] == (40, 40)
    codaar_core.encode(toy, tmp_path / "again.h5", device="cpu")
    assert same(content(tmp_path / "codes.h5"), content(tmp_path / "again.h5"))


KILLED = """
import sys, time
import codaar_core
from codaar_core.engine.encoding import parts

parts.PART = 4
codaar_core.encode(sys.argv[1], sys.argv[2], device="cpu", progress=lambda done, clips: time.sleep(0.05))
"""


def test_a_killed_call_leaves_nothing_half_written(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PART", 4)
    target = tmp_path / "codes.h5"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(toy), str(target)])
    folder = tmp_path / "codes.h5.partial"
    deadline = time.monotonic() + 100
    while len(list(folder.glob("0-*.npz"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not target.exists()
    done = codaar_core.encode(toy, target, device="cpu")
    assert 12 <= done.resumed < 40
    codaar_core.encode(toy, tmp_path / "again.h5", device="cpu")
    assert same(content(target), content(tmp_path / "again.h5"))


def test_the_verb_says_what_it_did(toy, tmp_path, small_parts):
    folder = features(tmp_path / "features")
    np.save(folder / "clip05.npy", np.zeros((4, 7), np.float32))
    words = ["encode", toy, "--to", tmp_path / "codes.h5", "--modality", "east", folder, "--bad-clips", "skip"]
    result = CliRunner().invoke(
        codaar, [*map(str, words), "--with", "latents", "--device", "cpu"], catch_exceptions=False
    )
    assert result.exit_code == 0
    first, last = result.output.splitlines()
    assert first.startswith("left out: clip05: ") and "(steps, 8), it has (4, 7)" in first
    assert re.fullmatch(
        rf"{re.escape(str(tmp_path))}/codes.h5: 19 clips of east, 86 codes, 1 left out \([0-9.]+ s\)", last
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"split": "test of nothing"}, "the recipe of this run has no benchmark 'nothing'\n.*evaluate.on has: toy"),
        ({"folders": [("smell", "x")]}, "no modality 'smell' in this model"),
        ({"folders": [("east", "x")]}, "there is no folder x"),
        ({"folders": [("east", "x"), ("east", "y")]}, "a modality has more than one folder"),
        ({"packed": "x.h5", "folders": [("east", "x")]}, "cannot be encoded together"),
        ({"seconds": 0.0}, "must be positive"),
        ({"best": True}, "has no best checkpoint"),
    ],
)
def test_calls_that_cannot_work_are_refused(toy, tmp_path, call, message):
    with pytest.raises(CodaarError, match=message):
        codaar_core.encode(toy, tmp_path / "codes.h5", device="cpu", **call)
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept(toy, tmp_path):
    for name in ("codes.h5", "codes.jsonl"):
        (tmp_path / name).write_text("mine", "utf-8")
        with pytest.raises(DataError, match=f"{name} exists already"):
            codaar_core.encode(toy, tmp_path / "codes.h5", jsonl=tmp_path / "codes.jsonl", device="cpu")
        assert (tmp_path / name).read_text("utf-8") == "mine"
        (tmp_path / name).unlink()


def test_features_of_another_extractor_or_shape_are_refused(digits, tmp_path):
    folder = features(tmp_path / "features", shape=(64,))
    with pytest.raises(DataError, match=r"expected the shape \(steps, 128\), it has \(3, 64\)"):
        codaar_core.encode(digits, tmp_path / "codes.h5", folders=[("audio", folder)], device="cpu")


def test_memory_of_random_state_is_untouched(toy, tmp_path):
    before = torch.get_rng_state()
    codaar_core.encode(toy, tmp_path / "codes.h5", device="cpu")
    assert torch.equal(before, torch.get_rng_state())
