"""Collections of arrays: the same clips in every format, and one DataError for each kind of damage."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from codaar_core.api import DataError
from codaar_core.features import open_clip_arrays, read_array

random = np.random.default_rng(0)
CLIPS = {name: random.random((steps, 3), np.float32) for name, steps in (("a b", 5), ("c", 2), ("ä", 7))}


def folder(path: Path) -> Path:
    path.mkdir()
    for name, values in CLIPS.items():
        np.save(path / f"{name}.npy", values)
    (path / ".hidden.npy").write_bytes(b"")
    (path / "extraction.toml").write_text("")
    return path


def pattern(path: Path) -> Path:
    for name, values in CLIPS.items():
        (path / name).mkdir(parents=True)
        np.save(path / name / "values.npy", values)
    return path / "*" / "values.npy"


def suffixes(path: Path) -> Path:
    folder(path)
    return path / "*"


def hdf5(path: Path) -> Path:
    with h5py.File(f"{path}.h5", "w") as file:
        for name, values in CLIPS.items():
            file.create_dataset(name, data=values, compression="gzip")
    return Path(f"{path}.h5")


def npz(path: Path) -> Path:
    np.savez(f"{path}.npz", **CLIPS)
    return Path(f"{path}.npz")


def deflated(path: Path) -> Path:
    np.savez_compressed(f"{path}.npz", **CLIPS)
    return Path(f"{path}.npz").rename(f"{path}.zip")


def safetensors(path: Path) -> Path:
    save_file(CLIPS, f"{path}.safetensors")
    return Path(f"{path}.safetensors")


def parquet(path: Path) -> Path:
    arrow = pytest.importorskip("pyarrow")
    rows = [(name, row) for name, values in CLIPS.items() for row in values.tolist()]
    ids, values = zip(*rows, strict=True)
    table = arrow.table({"id": list(ids), "values": arrow.array(list(values), arrow.list_(arrow.float32()))})
    arrow.parquet.write_table(table, f"{path}.parquet")
    return Path(f"{path}.parquet")


FORMATS = [folder, pattern, suffixes, hdf5, npz, deflated, safetensors, parquet]


@pytest.fixture(params=FORMATS, ids=lambda write: write.__name__)
def written(request, tmp_path) -> Path:
    if request.param is parquet:
        pytest.importorskip("pyarrow.parquet")
    return request.param(tmp_path / "clips")


def test_every_format_gives_the_same_clips(written):
    arrays = pickle.loads(pickle.dumps(open_clip_arrays(written)))
    assert list(arrays.entries) == sorted(CLIPS)
    arrays = pickle.loads(pickle.dumps(arrays))
    for name, values in CLIPS.items():
        assert arrays.shape(name) == values.shape
        np.testing.assert_array_equal(arrays.read(name), values)
        assert str(written).split("*")[0] in arrays.where(name) and name in arrays.where(name)


def test_a_clip_larger_than_its_bound_is_refused(written):
    arrays = open_clip_arrays(written)
    with pytest.raises(DataError, match="larger than the 16 bytes"):
        arrays.read("c", 16)


@pytest.mark.parametrize("write", [folder, hdf5, npz, deflated, safetensors], ids=lambda write: write.__name__)
def test_damage_is_one_error_that_names_the_file(write, tmp_path):
    path = write(tmp_path / "clips")
    file = path / "c.npy" if path.is_dir() else path
    whole = file.read_bytes()
    for cut in {0, 1, 40, len(whole) // 2, len(whole) - 30}:
        file.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=file.name.replace(".", r"\.")):
            arrays = open_clip_arrays(path)
            for name in arrays.entries:
                arrays.shape(name)
                arrays.read(name)


def test_a_flipped_bit_of_a_zip_file_is_found(tmp_path):
    path = npz(tmp_path / "clips")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="clips.npz"):
        arrays = open_clip_arrays(path)
        for name in arrays.entries:
            arrays.read(name)


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(f"{path}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c.npy", bytes(1 << 27))
    return Path(f"{path}.zip")


def twice(path: Path) -> Path:
    folder(path)
    np.savez(path / "c.npz", CLIPS["c"])
    return path


def twice_in_zip(path: Path) -> Path:
    with zipfile.ZipFile(f"{path}.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for _ in range(2):
            archive.writestr("c.npy", b"")
    return Path(f"{path}.zip")


def linked(path: Path) -> Path:
    with h5py.File(f"{path}.h5", "w") as file:
        file["c"] = h5py.ExternalLink("/etc/passwd", "x")
    return Path(f"{path}.h5")


def header(entry: object) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        content = json.dumps({"c": entry}).encode()
        Path(f"{path}.safetensors").write_bytes(len(content).to_bytes(8, "little") + content + bytes(8))
        return Path(f"{path}.safetensors")

    return write


def objects(path: Path) -> Path:
    np.savez(f"{path}.npz", c=np.array([print], dtype=object))
    return Path(f"{path}.npz")


def other_columns(path: Path) -> Path:
    arrow = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    arrow.write_table(pyarrow.table({"name": ["c"], "values": [[1.0]]}), f"{path}.parquet")
    return Path(f"{path}.parquet")


def ragged(path: Path) -> Path:
    arrow = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    arrow.write_table(pyarrow.table({"id": ["c", "c"], "values": [[1.0], [1.0, 2.0]]}), f"{path}.parquet")
    return Path(f"{path}.parquet")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path, "clips is missing"),
        (lambda path: folder(path) / "c.npy", r"suffix '\.npy' does not hold the arrays of many clips"),
        (lambda path: folder(path) / "*.zip", r"\*\.zip has no feature file"),
        (lambda path: folder(path) / "**", r"only single \* are understood"),
        (bomb, r"'c\.npy' is larger than the 67,108,864 bytes"),
        (twice, r"c\.npy and .*c\.npz are two files of the clip 'c'"),
        (twice_in_zip, r"has two members 'c\.npy'"),
        (linked, "'c' is a group or a link"),
        (objects, "'c.npy' is no array of numbers: it has values of type object"),
        (header({"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}), "for the shape"),
        (header({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}), "for the shape"),
        (header({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}), "no size"),
        (header({"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}), "F8_E4M3 are not read"),
        (header([]), "is no .safetensors file"),
        (other_columns, "has no column 'id', it has name, values"),
        (ragged, "in rows of 1, 2 numbers"),
    ],
)
def test_odd_files_are_one_error(write, message, tmp_path):
    path = write(tmp_path / "clips")
    with pytest.raises(DataError, match=message):
        arrays = open_clip_arrays(path)
        for name in arrays.entries:
            arrays.read(name)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="needs pyarrow") as raised:
        open_clip_arrays(tmp_path / "x.parquet").entries  # noqa: B018
    assert raised.value.help == "pip install pyarrow"


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".zip"])
def test_files_with_one_array(suffix, tmp_path):
    values, path = CLIPS["c"], tmp_path / f"c{suffix}"
    if suffix == ".safetensors":
        save_file({"features": values}, path)
    else:
        np.savez(tmp_path / "c.npz", features=values)
        (tmp_path / "c.npz").rename(path)
    np.testing.assert_array_equal(read_array(path), values)
    np.savez(tmp_path / "two.npz", a=values, b=values)
    with pytest.raises(DataError, match="two.npz: expected one array, it has 2: a, b"):
        read_array(tmp_path / "two.npz")
