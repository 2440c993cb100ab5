"""`codaar encode`: several processes, parquet, recordings, and the reader of its files."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
from toy_run import toy_plan

import codaar_core
from codaar_core.api import CodaarError, DataError
from codaar_core.engine import run
from codaar_core.engine.data.codes_file import CodesFile
from codaar_core.engine.encoding import parquet, parts, processes

EXTRACTOR = '''
import numpy as np
import torch

from codaar_core.api import DataError, Extractor, Space


class Bytes(Extractor):
    """The bytes of a file, eight a step."""

    suffixes = (".raw",)
    output = Space((8,))
    made_by = "bytes"

    def extract(self, path):
        values = np.frombuffer(path.read_bytes(), np.uint8)
        if len(values) % 8:
            raise DataError(f"{path} is cut off")
        return torch.from_numpy(values.astype(np.float32)).view(-1, 8) / 256
'''


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1", "bench.toy.epochs=1", "evaluate.seeds=[1]"))


@pytest.fixture
def small_parts(monkeypatch) -> None:
    monkeypatch.setattr(parts, "PART", 8)


@pytest.fixture
def codes(toy, tmp_path) -> Path:
    codaar_core.encode(toy, tmp_path / "one.h5", device="cpu", extra=["vectors"])
    return tmp_path / "one.h5"


FORK = multiprocessing.get_context("fork")


class Stopped(Exception):
    pass


def test_processes_write_the_same_bytes_also_after_one_was_killed(toy, tmp_path, small_parts):
    def stop(done: int, clips: int) -> None:
        if done > 10:
            raise Stopped

    def kill(done: int, clips: int) -> None:
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    call = {"model": toy, "to": tmp_path / "codes.h5", "device": "cpu", "extra": ["latents"]}
    with pytest.raises(Stopped):
        codaar_core.encode(**call, progress=stop)
    with pytest.raises(CodaarError, match=r"process \d of 2 was ended by SIGKILL\n.*clips encoded so far are kept"):
        codaar_core.encode(**call, processes=2, progress=kill)
    assert not multiprocessing.active_children()
    assert [each.name for each in tmp_path.iterdir()] == ["codes.h5.partial"]
    seen: list[tuple[int, int]] = []
    done = codaar_core.encode(**call, processes=2, progress=lambda *each: seen.append(each))
    assert done.resumed >= 8
    assert seen == sorted(seen) and seen[-1] == (40, 40)
    codaar_core.encode(**{**call, "to": tmp_path / "one.h5"})
    assert (tmp_path / "codes.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()


def failing(number: int, share: str, report) -> None:
    report(3)
    if share == "bad":
        raise DataError("clip3.npy is damaged", "remove it")
    if share == "worse":
        raise ValueError("unexpected")


@pytest.mark.parametrize(
    ("share", "kind", "message"),
    [
        ("bad", DataError, "clip3.npy is damaged\n   = help: remove it"),
        ("worse", CodaarError, r"process 2 failed: ValueError\('unexpected'\)"),
    ],
)
def test_an_error_of_a_process_is_the_error_of_the_call(monkeypatch, share, kind, message):
    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda how: FORK)
    with pytest.raises(kind, match=message):
        processes.in_processes(failing, ["good", share], lambda done: None)
    seen: list[int] = []
    processes.in_processes(failing, ["good", "good"], seen.append)
    assert seen[-1] == 6 and not multiprocessing.active_children()


def test_parquet_has_the_codes_of_hdf5(toy, codes, tmp_path, small_parts):
    pq = pytest.importorskip("pyarrow.parquet")
    codaar_core.encode(toy, tmp_path / "codes.parquet", device="cpu", extra=["vectors"], seconds=0.5)
    table = pq.read_table(tmp_path / "codes.parquet")
    assert table.column_names == ["id", "modality", "indices", "times", "vectors"]
    assert table.schema.metadata[b"seconds"] == b"0.5" and table.schema.metadata[b"north.codewords"]
    rows = {(row["modality"], row["id"]): row for row in table.to_pylist()}
    assert len(rows) == 80
    with h5py.File(codes) as file:
        for modality in ("north", "east"):
            for clip in range(40):
                row, mask = rows[modality, str(clip)], file[modality]["mask"][clip]
                assert row["indices"] == file[modality]["indices"][clip][mask].tolist()
                assert row["times"] == (np.flatnonzero(mask) * 0.5).tolist()
                assert np.array_equal(np.float32(row["vectors"]), file[modality]["vectors"][clip][mask])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["codes.parquet", "one.h5"]


def test_parquet_without_pyarrow_is_refused_first(toy, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(CodaarError, match=r"need pyarrow(.|\n)*codaar-core\[parquet\]"):
        codaar_core.encode(toy, tmp_path / "codes.parquet", device="cpu")
    assert not list(tmp_path.iterdir())
    assert parquet.SUFFIX == ".parquet"


def test_recordings(toy, tmp_path):
    (tmp_path / "bytes.py").write_text(EXTRACTOR, "utf-8")
    (tmp_path / "recordings").mkdir()
    for clip in range(3):
        (tmp_path / "recordings" / f"clip{clip}.raw").write_bytes(bytes(range(clip, clip + 8 * (clip + 2))))
    (tmp_path / "recordings" / "cut.raw").write_bytes(b"12345")
    call = {
        "model": toy,
        "to": tmp_path / "codes.h5",
        "recordings": [("east", "local:bytes", tmp_path / "recordings")],
        "plugins": [tmp_path / "bytes.py"],
        "device": "cpu",
    }
    with pytest.raises(CodaarError, match=r"1 of 4 recordings cannot be read(.|\n)*cut off(.|\n)*--bad-clips skip"):
        codaar_core.encode(**call)
    with pytest.raises(CodaarError, match="'north.rate=1' does not match any modality with recordings"):
        codaar_core.encode(**call, extractor_settings=["north.rate=1"])
    done = codaar_core.encode(**call, bad_clips="skip")
    assert done.clips == {"east": 3} and re.search("cut off", done.bad["cut"])
    model = codaar_core.open_model(toy)
    with CodesFile(tmp_path / "codes.h5") as file:
        read = file.modalities["east"].read(0, 3)
    for clip in range(3):
        values = np.frombuffer((tmp_path / "recordings" / f"clip{clip}.raw").read_bytes(), np.uint8)
        alone = model.encode({"east": (values.astype(np.float32) / 256).reshape(1, -1, 8)})["east"].indices[0]
        assert read.ids[clip] == f"clip{clip}"
        assert read.indices[clip][read.mask[clip]].tolist() == alone.tolist()
    assert not (tmp_path / "codes.h5.partial").exists()


def test_the_reader_gives_what_was_written(toy, codes, tmp_path):
    with CodesFile(codes) as file, h5py.File(codes) as h5:
        assert file.weights == h5.attrs["weights"] and len(file.weights) == 64
        east = file.modalities["east"]
        assert (east.clips, east.steps, east.seconds, east.whole_clips) == (40, 5, 1.0, False)
        chunks = list(east.chunks(7))
        assert [chunk.start for chunk in chunks] == [0, 7, 14, 21, 28, 35]
        assert np.array_equal(np.concatenate([chunk.indices for chunk in chunks]), h5["east/indices"][:])
        assert [id for chunk in chunks for id in chunk.ids] == [str(clip) for clip in range(40)]
        assert east.column("latents", 0, 2) is None
        assert np.array_equal(east.column("vectors", 3, 5), h5["east/vectors"][3:5])


def test_targets_of_a_benchmark_are_kept_where_each_clip_has_one_number(toy, tmp_path):
    codaar_core.encode(toy, tmp_path / "test.h5", "test of toy", device="cpu")
    with h5py.File(tmp_path / "test.h5") as file:
        for modality in file:
            targets = file[modality].get("targets")
            assert targets is None or targets.shape == file[modality]["ids"].shape


def damaged(path: Path, change: str) -> None:
    if change in ("text", "cut"):
        path.write_bytes(b"no codes" if change == "text" else path.read_bytes()[:3000])
        return
    with h5py.File(path, "r+") as file:
        group = file["east"]
        if change == "mark":
            del file.attrs["codaar_codes"]
        elif change == "format":
            file.attrs["codaar_codes"] = 99
        elif change == "index":
            group["indices"][3, 2] = 5000
        elif change == "shape":
            del group["mask"]
            group["mask"] = np.ones((39, 5), bool)
        elif change == "size":
            del group["indices"]
            group.create_dataset("indices", (10**9, 5), "i4", chunks=(1, 5))
        elif change == "outside":
            del group["indices"]
            group["indices"] = h5py.ExternalLink("other.h5", "/x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("text", "cannot be read as a file of codes"),
        ("cut", "cannot be read as a file of codes"),
        ("mark", "is not a file of codes"),
        ("format", "has format 99"),
        ("index", "east has indices outside 0 to "),
        ("shape", "different numbers of clips or steps"),
        ("size", "is incomplete"),
        ("outside", "cannot be read as a file of codes|refers to another file"),
    ],
)
def test_damaged_files_are_refused(codes, change, message):
    damaged(codes, change)
    with pytest.raises(DataError, match=message), CodesFile(codes) as file:
        list(file.modalities["east"].chunks())


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        CodesFile(tmp_path / "codes.h5")
