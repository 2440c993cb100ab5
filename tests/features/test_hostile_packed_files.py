"""Packed files that can be parsed and are not what they should be: one DataError each, before anything is mapped."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import codaar_core
from codaar_core.api import CodaarError, DataError, Space
from codaar_core.features import ClipSplit, FileTrack, Header, PackedSplit, RowTrack, pack_split

IDS = ["a", "b", "c", "d"]
HEADER = Header("made up", "CC0-1.0", {"north": "by hand"})


class Clips(ClipSplit):
    """Four clips with labels and an input of heads."""

    def given(self, indices):
        import torch

        return torch.tensor(indices, dtype=torch.float32)[:, None] * torch.ones(1, 3)


@pytest.fixture
def packed(tmp_path):
    folder = tmp_path / "north"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in IDS:
        np.save(folder / f"{name}.npy", generator.standard_normal((5, 4)).astype(np.float32))
    labels = RowTrack(np.arange(4), np.arange(4))
    split = Clips(IDS, {"north": FileTrack(folder, IDS, Space((4,), 5), ".npy")}, {"north": labels})
    pack_split(split, tmp_path / "p.h5", HEADER, "float32")
    return tmp_path / "p.h5"


def replaced(name, **settings):
    """Store a column in another way."""

    def change(file):
        values = file[name][()]
        del file[name]
        file.create_dataset(name, **{"data": values, **settings})

    return change


def header(**changes):
    def change(file):
        content = json.loads(file.attrs["header"]) | changes
        file.attrs["header"] = json.dumps({key: value for key, value in content.items() if value is not None})

    return change


def removed(name):
    def change(file):
        del file[name]

    return change


def attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def external(file):
    del file["inputs/north"]
    file.create_dataset("inputs/north", (4, 5, 4), "f4", external=[("/etc/hostname", 0, 320)])


def virtual(file):
    del file["inputs/north"]
    layout = h5py.VirtualLayout((4, 5, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 5, 4))
    file.create_virtual_dataset("inputs/north", layout)


CASES = {
    "ids of variable length": (replaced("ids", dtype=h5py.string_dtype()), "'ids' has values of type object"),
    "ids are numbers": (replaced("ids", data=np.arange(4)), "'ids' has values of type int64, expected strings"),
    "ids not UTF-8": (replaced("ids", data=np.array([b"\xff"] * 4)), "is not encoded in UTF-8"),
    "ids with two axes": (replaced("ids", data=np.array([[b"a"]] * 4)), "column 'ids' has the wrong type"),
    "fewer ids": (replaced("ids", data=np.array([b"a"] * 3)), "column 'ids' has the wrong type"),
    "no ids": (removed("ids"), "has no column 'ids'"),
    "no sha256": (removed("sha256"), "has no column 'sha256'"),
    "short sha256": (replaced("sha256", data=np.zeros((4, 16), "u1")), "column 'sha256' has the wrong type"),
    "no state": (removed("state"), "has no column 'state'"),
    "state is one number": (replaced("state", data=np.uint8(1)), "'state' has no axis of clips"),
    "state of another type": (replaced("state", data=np.ones(4)), "column 'state' has the wrong type"),
    "no clips": (replaced("state", data=np.zeros(0, "u1")), "'state' is compressed, in chunks or without content"),
    "no inputs": (removed("inputs/north"), "has no column 'inputs'"),
    "no mask": (removed("masks/north"), "has no column 'masks/north'"),
    "mask of another length": (replaced("masks/north", data=np.ones((4, 6), "u1")), "column 'masks/north' has the"),
    "chunks": (replaced("inputs/north", chunks=(1, 5, 4)), "'inputs/north' is compressed, in chunks"),
    "gzip": (replaced("inputs/north", compression="gzip"), "'inputs/north' is compressed, in chunks"),
    "other byte order": (replaced("inputs/north", dtype=">f4"), "in the byte order of this computer"),
    "double precision": (replaced("inputs/north", dtype="f8"), "column 'inputs/north' has the wrong type"),
    "complex": (
        replaced("inputs/north", data=np.zeros((4, 5, 4), "c8")),
        "'inputs/north' has values of type complex64",
    ),
    "strings as labels": (replaced("targets/north", data=np.array([b"a"] * 4)), "'targets/north' has values of type"),
    "compound": (replaced("given", data=np.zeros(4, "f4,f4")), "'given' has values of type"),
    "empty dataset": (replaced("given", data=h5py.Empty("f4")), "'given' has no axis of clips"),
    "unknown column": (lambda file: file.create_dataset("more", data=np.ones(4)), "column 'more' has the wrong type"),
    "external storage": (external, "is stored in other files"),
    "virtual dataset": (virtual, "is stored in other files"),
    "unknown key": (header(surprise=1), "unknown key 'surprise' in its header"),
    "missing key": (header(origin=None), "its header has no 'origin'"),
    "number as text": (header(licence=7), "'licence' in its header is not a string"),
    "list as table": (header(extraction=["a"]), "'extraction' in its header is not strings by modality"),
    "notes of numbers": (header(notes=[1]), "'notes' in its header is not a list of strings"),
    "named as text": (header(named="yes"), "'named' in its header is not true or false"),
    "header is a list": (attribute("header", "[1]"), "its header is no JSON object"),
    "header is no JSON": (attribute("header", "{"), "is no complete packed file"),
    "header is deep": (attribute("header", "[" * 60_000), "is no complete packed file"),
    "header is an array": (attribute("header", np.zeros(3)), "its header is no JSON object"),
    "format is an array": (attribute("codaar_packed", [1, 2]), "expected format 2"),
    "format is text": (attribute("codaar_packed", "1"), "is format 1, expected format 2"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_error_that_names_the_file(case, packed):
    change, told = CASES[case]
    with h5py.File(packed, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=told) as end:
        split = PackedSplit(packed)
        split.ids, len(split), split[[0, 1]], split.given([0])  # noqa: B018
    assert str(packed) in end.value.message and len(end.value.message) < 500
    with pytest.raises(CodaarError, match=r"p\.h5"):
        codaar_core.verify_packed(packed)


def test_ids_of_variable_length_do_not_end_the_process(packed):
    """They would be mapped as addresses of Python objects."""
    with h5py.File(packed, "r+") as file:
        replaced("ids", dtype=h5py.string_dtype())(file)
    code = "import sys, codaar_core.features as f; print(f.PackedSplit(__import__('pathlib').Path(sys.argv[1])).ids)"
    done = subprocess.run([sys.executable, "-c", code, str(packed)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "DataError" in done.stderr


def test_named_pipes_and_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    for name, told in (("pipe", "is a named pipe"), ("folder", "is a folder")):
        with pytest.raises(DataError, match=told):
            len(PackedSplit(tmp_path / f"{name}.h5"))


@pytest.mark.parametrize("column", ["ids", "inputs/north", "masks/north", "targets/north", "given"])
def test_verify_notices_exchanged_rows_of_every_column(column, packed):
    assert codaar_core.verify_packed(packed) == 4
    with h5py.File(packed, "r+") as file:
        values = file[column][()]
        values[[0, 1]] = values[[1, 0]] if column != "masks/north" else 0
        file[column][...] = values
    with pytest.raises(CodaarError, match="2 of 4 clips are damaged"):
        codaar_core.verify_packed(packed)


def test_verify_notices_a_renamed_column(packed):
    with h5py.File(packed, "r+") as file:
        file.move("targets/north", "targets/south")
    with pytest.raises(CodaarError, match="4 of 4 clips are damaged"):
        codaar_core.verify_packed(packed)


def as_format_1(path):
    """Rewrite a file as earlier versions wrote it: checksums cover the content of columns only."""
    with h5py.File(path, "r+") as file:
        names = ["given", "inputs/north", "masks/north", "targets/north"]
        for row in range(4):
            digest = hashlib.sha256(b"".join(file[name][row].tobytes() for name in names)).digest()
            file["sha256"][row] = np.frombuffer(digest, np.uint8)
        file.attrs["codaar_packed"] = 1


def test_files_of_format_1_are_read_and_verified_with_a_note(packed):
    expected = PackedSplit(packed)[range(4)]
    as_format_1(packed)
    split = PackedSplit(packed)
    assert split.layout.format == 1 and list(split.ids) == IDS
    np.testing.assert_array_equal(split[range(4)].inputs["north"].values, expected.inputs["north"].values)
    with pytest.warns(UserWarning, match="checksums of format 1 do not cover the ids of clips; pack it again"):
        assert codaar_core.verify_packed(packed) == 4
    with h5py.File(packed, "r+") as file:
        file["targets/north"][0] = 3
    with pytest.raises(CodaarError, match="1 of 4 clips are damaged: a"):
        codaar_core.verify_packed(packed)


def test_an_interrupted_pack_of_format_1_is_continued_in_format_1(packed, tmp_path):
    folder = tmp_path / "north"
    labels = RowTrack(np.arange(4), np.arange(4))
    split = Clips(IDS, {"north": FileTrack(folder, IDS, Space((4,), 5), ".npy")}, {"north": labels})
    as_format_1(packed)
    with h5py.File(packed, "r+") as file:
        file["state"][2] = 0
        file["sha256"][2] = 0
    packed.rename(tmp_path / "q.h5.partial")
    pack_split(split, tmp_path / "q.h5", HEADER, "float32")
    with pytest.warns(UserWarning, match="format 1"):
        assert codaar_core.verify_packed(tmp_path / "q.h5") == 4
