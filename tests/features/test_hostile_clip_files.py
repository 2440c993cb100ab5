"""Clip files that can be parsed and are not what they should be: one DataError each, no waiting, little memory."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from codaar_core.api import DataError, Space
from codaar_core.features import BadClips, ClipSplit, FileTrack, opened_recording, read_array, read_lines

VALUES = np.arange(20, dtype=np.float32).reshape(10, 2) / 7


def npy(values) -> bytes:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=True)
    return content.getvalue()


def npz(path):
    with path.open("wb") as file:
        np.savez(file, VALUES)


def npy_shape(shape: str):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + VALUES.tobytes()


def hdf5(write):
    def make(path):
        with h5py.File(path, "w") as file:
            write(file, path)

    return make


def external(file, path):
    Path(f"{path}.secret").write_bytes(b"s" * 80)
    file.create_dataset("x", (10, 2), "f4", external=[(f"{path}.secret", 0, 80)])


def virtual(file, path):
    with h5py.File(f"{path}.secret", "w") as secret:
        secret["x"] = VALUES
    layout = h5py.VirtualLayout((10, 2), "f4")
    layout[:] = h5py.VirtualSource(f"{path}.secret", "x", (10, 2))
    file.create_virtual_dataset("x", layout)


def linked(file, path):
    with h5py.File(f"{path}.secret", "w") as secret:
        secret["x"] = VALUES
    file["x"] = h5py.ExternalLink(f"{path}.secret", "x")


def nested(file, path):
    group = file
    for _ in range(40):
        group = group.create_group("g")
    group["x"] = VALUES


def itself(file, path):
    file["a"] = file["b"] = file["/"]
    file["x"] = VALUES


def bomb(file, path):
    file.create_dataset("x", (1 << 26, 8), "f4", compression="gzip", chunks=(1 << 20, 8))


def chunk_bomb(file, path):
    import zlib

    x = file.create_dataset("x", (10, 2), "f4", compression="gzip", chunks=(10, 2))
    x.id.write_direct_chunk((0, 0), zlib.compress(b"\0" * 50_000))


def zip_bomb(path):
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.pkl", "w", force_zip64=True) as it,
    ):
        for _ in range(300):
            it.write(b"\0" * (1 << 20))


def lying_zip(path):
    """Its header states fewer bytes than the member has."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.pkl", pickle.dumps(np.zeros(100_000)))
    size = len(pickle.dumps(np.zeros(100_000))).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))


CASES = {
    "an npz": (".npy", npz, r"is no \.npy file of numbers"),
    "shape of 10**12": (".npy", npy_shape("(1000000000000,)"), "needs more than its 80 bytes"),
    "shape of 40 digits": (".npy", npy_shape(f"({'9' * 40},)"), "needs more than its 80 bytes"),
    "negative shape": (".npy", npy_shape("(-1, 2)"), "negative sizes"),
    "true as a size": (".npy", npy_shape("(True, 2)"), "negative sizes"),
    "nested header": (".npy", npy_shape("(" * 300 + ")" * 300), r"is no \.npy file"),
    "strings": (".npy", npy(np.array(["a"])), "values of type <U1"),
    "dates": (".npy", npy(np.array(["2020-01-01"], "M8[D]")), "values of type datetime64"),
    "complex numbers": (".npy", npy(VALUES.astype("c8")), "values of type complex64"),
    "objects": (".npy", npy(np.array([None])), "values of type object"),
    "fields": (".npy", npy(np.zeros(2, [("a", "f4")])), "values of type"),
    "empty dataset": (".h5", hdf5(lambda f, _: f.create_dataset("x", data=h5py.Empty("f4"))), "'/x' is empty"),
    "variable strings": (".h5", hdf5(lambda f, _: f.create_dataset("x", data=["a", "bc"])), "expected numbers"),
    "compound": (".h5", hdf5(lambda f, _: f.create_dataset("x", data=np.zeros(2, "f4,i4"))), "expected numbers"),
    "complex dataset": (".h5", hdf5(lambda f, _: f.create_dataset("x", data=VALUES * 1j)), "expected numbers"),
    "external storage": (".h5", hdf5(external), "is stored in other files"),
    "virtual dataset": (".h5", hdf5(virtual), "is stored in other files"),
    "external link": (".h5", hdf5(linked), "expected one dataset, it has none"),
    "nested groups": (".h5", hdf5(nested), "more than 16 levels"),
    "group in itself": (".h5", hdf5(itself), "more than 10,000 objects"),
    "large dataset": (".h5", hdf5(bomb), "'/x' is larger than"),
    "gzip bomb": (".h5", hdf5(chunk_bomb), "chunk 0 of '/x' is larger than"),
    "zip bomb": (".zip", zip_bomb, "is larger than the 268,435,456 bytes"),
    "zip with a wrong size": (".zip", lying_zip, "no complete zip|damaged"),
    "pickle that allocates": (".pkl", b"r\xff\xff\xff\x1f.", "memo index"),
    "folder": (".npy", Path.mkdir, "is a folder, expected a file"),
    "named pipe npy": (".npy", os.mkfifo, "is a named pipe, expected a file"),
    "named pipe h5": (".h5", os.mkfifo, "is a named pipe, expected a file"),
    "named pipe zip": (".zip", os.mkfifo, "is a named pipe, expected a file"),
    "device": (".pkl", lambda path: path.symlink_to("/dev/zero"), "is a device, expected a file"),
    "symlink to itself": (".pkl", lambda path: path.symlink_to(path), "cannot be read: "),
}


@pytest.mark.parametrize("case", CASES)
def test_one_error_that_names_the_file(case, tmp_path):
    suffix, content, told = CASES[case]
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(content) if isinstance(content, bytes) else content(path)
    with pytest.raises(DataError, match=told) as end:
        read_array(path)
    assert str(path) in end.value.message and len(end.value.message) < 500


def test_they_are_skipped_and_counted(tmp_path):
    cases = [case for case in CASES if CASES[case][0] == ".npy"]
    for number, case in enumerate(cases):
        _, content, _ = CASES[case]
        path = tmp_path / f"{number}.npy"
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
    np.save(tmp_path / "good.npy", VALUES)
    ids = [*map(str, range(len(cases))), "good"]
    split = ClipSplit(ids, {"a": FileTrack(tmp_path, ids, Space((2,), 10), ".npy")}, None, BadClips("skip", 0.99))
    with pytest.warns(UserWarning, match=f"{len(cases)} of {len(ids)} clips are left out"):
        assert len(split) == 1
    assert list(split.ids) == ["good"]


def test_the_bound_follows_from_the_space(tmp_path):
    assert FileTrack(tmp_path, [], Space((128,), 10)).most == 64 << 20
    assert FileTrack(tmp_path, [], Space((7, 7, 512), 100)).most > 900e6
    np.save(tmp_path / "a.npy", VALUES)
    with pytest.raises(DataError, match=r"a\.npy is larger than the 100 bytes"):
        read_array(tmp_path / "a.npy", most=100)


def test_names_with_nul_and_tables_that_are_pipes(tmp_path):
    with pytest.raises(DataError, match="is not a valid path"):
        read_array(tmp_path / "a\0b.npy")
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match="is a named pipe"):
        read_lines(tmp_path / "t.csv")


@pytest.mark.parametrize("packed", ["gzip", "lzf", None])
def test_honest_hdf5_files_are_read(packed, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=VALUES, chunks=(3, 2), compression=packed, shuffle=True, fletcher32=True)
    np.testing.assert_array_equal(read_array(tmp_path / "a.h5"), VALUES)


@pytest.mark.parametrize("dtype", [">f4", "i8", "?", "f2"])
def test_honest_npy_files_are_read_in_the_byte_order_of_this_computer(dtype, tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(VALUES).astype(dtype))
    read = read_array(tmp_path / "a.npy")
    np.testing.assert_array_equal(read, VALUES.astype(dtype))
    assert read.dtype.isnative


SMALL_MEMORY = """
import resource, sys
from pathlib import Path
from codaar_core.api import DataError
from codaar_core.features import read_array, read_h5
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[1:]):
    try:
        read_array(path, 1 << 20)
        raise SystemExit("read")
    except DataError:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024)
"""


def test_sizes_are_bounded_before_memory_is_taken(tmp_path):
    zip_bomb(tmp_path / "a.zip")
    (tmp_path / "b.pkl").write_bytes(b"r\xff\xff\xff\x1f.")
    hdf5(bomb)(tmp_path / "c.h5")
    (tmp_path / "d.npy").write_bytes(npy_shape("(1000000000000,)"))
    command = [sys.executable, "-c", SMALL_MEMORY, *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and float(done.stdout) < 60, done.stdout + done.stderr  # MiB


def decode(path: Path) -> list:
    with opened_recording(path, "x") as container:
        return list(container.decode(container.streams[0]))


def test_a_playlist_does_not_open_other_files(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
    assert sum(frame.samples for frame in decode(tmp_path / "a.wav")) == 16_000
    (tmp_path / "b.wav").write_text("ffconcat version 1.0\nfile a.wav\n")
    with pytest.raises(DataError, match=r"b\.wav cannot be read as a recording"):
        decode(tmp_path / "b.wav")
    os.mkfifo(tmp_path / "c.wav")
    with pytest.raises(DataError, match=r"c\.wav is a named pipe"):
        decode(tmp_path / "c.wav")


def test_a_picture_of_very_many_pixels(tmp_path):
    pytest.importorskip("av")
    image = pytest.importorskip("PIL.Image")
    image.new("1", (9000, 9000)).save(tmp_path / "big.png")
    with pytest.raises(DataError, match="pictures of 9000 x 9000 pixels"):
        decode(tmp_path / "big.png")
