"""Splits of files, and packed ones: equal clips, nothing lost by kills, full disks and bad clips."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
import torch

from codaar_core.api import Batch, DataContext, DataError, Features, Space, Split
from codaar_core.features import (
    BadClips,
    ClipSplit,
    FileDefect,
    FileDefects,
    FileTrack,
    Header,
    PackedSplit,
    RandomSplit,
    RowTrack,
    pack_split,
    read_array,
)
from codaar_core.features.packed import writing as module
from codaar_core.features.packed.source import PackedFeatures

SPACE = Space((4,), 5)
HEADER = Header("made up, version 1", "CC0-1.0", {"north": "by hand"})
IDS = [f"-{clip:02d}_x" for clip in range(20)]


def write(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.writestr("x.pkl", pickle.dumps(values))


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for name in IDS:
        write(tmp_path / "north", name, generator.standard_normal((5, 4)).astype(np.float32))
    return tmp_path


def clips(folder, **rule) -> ClipSplit:
    tracks = {
        "north": FileTrack(folder / "north", IDS, SPACE),
        "south": RowTrack(np.arange(30, dtype=np.float32).reshape(2, 5, 3), np.arange(20) % 2),
    }
    return ClipSplit(IDS, tracks, {"north": RowTrack(np.arange(20), np.arange(20))}, BadClips(**rule))


def damage(folder, *numbers):
    for number in numbers:
        (folder / "north" / f"{IDS[number]}.zip").write_bytes(b"PK nothing")


def assert_equal(first: Batch, second: Batch, tolerance: float = 0):
    assert first.inputs.keys() == second.inputs.keys() and first.targets.keys() == second.targets.keys()
    for m, (values, mask) in first.inputs.items():
        torch.testing.assert_close(values.float(), second.inputs[m].values.float(), rtol=tolerance, atol=tolerance)
        assert mask is None and second.inputs[m].mask is None
    for m, target in first.targets.items():
        assert torch.equal(target, second.targets[m])


# Splits of files


def test_clips_come_in_the_order_of_the_indices(folder):
    split = clips(folder)
    batch, whole = split[[3, 0, 3]], split[range(20)]
    assert len(split) == 20 and list(split.ids) == IDS
    assert torch.equal(batch.inputs["north"].values, whole.inputs["north"].values[[3, 0, 3]])
    assert batch.targets["north"].tolist() == [3, 0, 3]
    assert batch.inputs["south"].values[:, 0, 0].tolist() == [15, 0, 15]


def test_a_bad_clip_is_refused_when_it_is_read(folder):
    damage(folder, 7)
    split = clips(folder)
    assert len(split[range(7)].inputs["north"].values) == 7
    with pytest.raises(DataError, match=rf"{IDS[7]}\.zip is no complete zip file"):
        split[[7]]


def test_bad_clips_are_skipped_counted_and_listed(folder):
    damage(folder, 7)
    write(folder / "north", IDS[9], np.full((5, 4), np.nan))
    split = clips(folder, action="skip", share=0.1)
    with pytest.warns(UserWarning, match=rf"2 of 20 clips are left out:\n   .*{IDS[7]}.zip.*\n   .*20 of 20 values"):
        assert len(split) == 18
    assert list(split.ids) == [name for name in IDS if name not in (IDS[7], IDS[9])]
    assert split[[7]].targets["north"].tolist() == [8]
    assert split.notes == ["2 of 20 clips cannot be read and are left out"]
    assert len(pickle.loads(pickle.dumps(split))) == 18


def test_one_bad_clip_in_a_hundred(tmp_path):
    ids = [f"{clip:03d}" for clip in range(200)]
    for name in ids:
        write(tmp_path / "north", name, np.ones((5, 4)) / 3)
    for name in ids[50:52]:
        (tmp_path / "north" / f"{name}.zip").unlink()
    split = ClipSplit(ids, {"north": FileTrack(tmp_path / "north", ids, SPACE)}, {}, BadClips("skip", 0.01))
    with pytest.warns(UserWarning, match="2 of 200 clips are left out"):
        assert len(split) == 198


def test_too_many_bad_clips_are_refused(folder):
    damage(folder, *range(12))
    with pytest.raises(DataError, match=r"(?s)12 of 20 clips cannot be read, 2 may be left out .*and 2 more") as error:
        len(clips(folder, action="skip", share=0.1))
    assert 'bad_clips = "skip"' in error.value.help


def test_absent_files_are_counted_before_anything_is_read(folder):
    for number in (3, 4):
        (folder / "north" / f"{IDS[number]}.zip").unlink()
    split = clips(folder)
    assert split.inventory().lines == ["north: 18 of 20 clips are there", "south: 20 of 20 clips are there"]
    with pytest.raises(DataError, match=rf"2 of 20 clips have no file of 'north', e\.g\. .*{IDS[3]}\.zip"):
        split.refuse_absent()
    clips(folder, action="skip").refuse_absent()


# Packed


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 0), ("float16", 2e-3)])
def test_a_packed_split_gives_the_same_clips(folder, precision, tolerance):
    seen = []
    done = pack_split(clips(folder), folder / "p.h5", HEADER, precision, lambda *each: seen.append(each))
    packed = PackedSplit(folder / "p.h5")
    assert (done.clips, done.bad, done.size) == (20, {}, (folder / "p.h5").stat().st_size)
    assert seen == [(number, 20) for number in range(1, 21)]
    assert len(packed) == 20 and list(packed.ids) == IDS
    assert packed.spaces == {"north": Space((4,), 5), "south": Space((3,), 5)}
    assert_equal(packed[[5, 0, 5, 19]], clips(folder)[[5, 0, 5, 19]], tolerance)
    assert str(packed[[0]].inputs["north"].values.dtype) == f"torch.{precision}"
    assert not list(folder.glob("*.partial*")) and packed.damaged() == []


def test_one_modality_is_read_without_the_others(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    assert set(PackedSplit(folder / "p.h5", ["south"])[[0]].inputs) == {"south"}


def test_columns_are_contiguous_and_plain_hdf5(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER, "float32")
    with h5py.File(folder / "p.h5") as file:
        assert file["inputs/north"].chunks is None and file["inputs/north"].id.get_offset() % 4096 == 0
        np.testing.assert_array_equal(file["inputs/north"][4], clips(folder)[[4]].inputs["north"].values[0])
        assert file["ids"][2].decode() == IDS[2] and file["state"][()].tolist() == [1] * 20


class Masked(Split):
    """Clips of other lengths, with something given to heads, and without names."""

    def __len__(self):
        return 6

    def __getitem__(self, indices):
        steps = torch.tensor([5 if index != 2 else 3 for index in indices])
        mask = torch.arange(5) < steps[:, None]
        return Batch({"north": Features(torch.ones(len(indices), 5, 4) * mask[..., None], mask)}, {})

    def given(self, indices):
        return torch.tensor(indices)[:, None] * torch.ones(1, 2)


def test_masks_and_what_heads_are_given_are_kept(tmp_path):
    pack_split(Masked(), tmp_path / "p.h5", HEADER)
    packed = PackedSplit(tmp_path / "p.h5")
    assert packed[[2, 0]].inputs["north"].mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert packed[[0, 1]].inputs["north"].mask is None
    assert packed.given([4, 2]).tolist() == [[4, 4], [2, 2]]


def test_a_number_is_no_name(tmp_path):
    """Numbers of two packed files are equal, which says nothing about their recordings."""
    pack_split(Masked(), tmp_path / "p.h5", HEADER)
    assert PackedSplit(tmp_path / "p.h5").ids is None and len(PackedSplit(tmp_path / "p.h5")) == 6


class Given(ClipSplit):
    """Clips with names and something given of their own."""

    @property
    def ids(self):
        return [name.strip("-") for name in self.all_ids]

    def given(self, indices):
        return torch.tensor(indices)[:, None]


@pytest.mark.parametrize("action", ["refuse", "skip"])
def test_what_a_subclass_adds_to_clips_is_packed(folder, action):
    defects = FileDefects((FileDefect("repeated id", "table.csv, line 3"),))
    split = Given(IDS, clips(folder).tracks, None, BadClips(action), defects)
    pack_split(split, folder / "p.h5", HEADER)
    packed = PackedSplit(folder / "p.h5")
    assert list(packed.ids) == split.ids and packed.given([3, 1]).tolist() == [[3], [1]]
    assert list(packed.notes) == list(split.notes) != []


class Growing(Masked):
    """Clips that are as long as their number says, padded to the longest that is read with them."""

    def __getitem__(self, indices):
        steps = torch.tensor(indices) % 4 + 1
        mask = torch.arange(int(steps.max())) < steps[:, None]
        return Batch({"north": Features(mask[..., None] * torch.ones(4), mask)}, {})


def test_shorter_clips_are_padded_to_the_longest(tmp_path):
    done = pack_split(Growing(), tmp_path / "p.h5", HEADER, "float32")
    packed = PackedSplit(tmp_path / "p.h5")
    assert done.bad == {} and packed.spaces == {"north": Space((4,), 4)}
    read, expected = packed[range(6)].inputs["north"], Growing()[range(6)].inputs["north"]
    assert torch.equal(read.values, expected.values) and torch.equal(read.mask, expected.mask)


def test_bad_clips_are_left_out_and_listed(folder):
    damage(folder, 0, 7)
    done = pack_split(clips(folder, action="skip", share=0.1), folder / "p.h5", HEADER, "float32")
    packed = PackedSplit(folder / "p.h5")
    assert (
        done.clips == len(packed) == 18 and list(done.bad) == [IDS[0], IDS[7]] and "no complete zip" in done.bad[IDS[7]]
    )
    assert packed[range(18)].targets["north"].tolist() == [clip for clip in range(20) if clip not in (0, 7)]
    assert packed.notes == ["2 of 20 clips cannot be read and are left out"]


def test_refused_bad_clips_lose_nothing(folder):
    kept = (folder / "north" / f"{IDS[7]}.zip").read_bytes()
    damage(folder, 7)
    with pytest.raises(DataError, match=r"1 of 20 clips cannot be read:\n   .*" + IDS[7]):
        pack_split(clips(folder), folder / "p.h5", HEADER, "float32")
    assert not (folder / "p.h5").exists()
    (folder / "north" / f"{IDS[7]}.zip").write_bytes(kept)
    seen = []
    pack_split(clips(folder), folder / "p.h5", HEADER, "float32", lambda *each: seen.append(each))
    assert seen == [(20, 20)]
    assert_equal(PackedSplit(folder / "p.h5")[range(20)], clips(folder)[range(20)])


def test_a_rule_given_later_ends_what_was_begun(folder):
    damage(folder, 7)
    with pytest.raises(DataError, match="1 of 20"):
        pack_split(clips(folder), folder / "p.h5", HEADER)
    done = pack_split(clips(folder, action="skip", share=0.1), folder / "p.h5", HEADER)
    assert done.clips == 19 and list(done.bad) == [IDS[7]]


def test_clips_of_another_shape_are_bad(tmp_path):
    for name, width in (("a", 5), ("b", 4)):
        write(tmp_path / "north", name, np.ones((3, width)) / 3)
    split = ClipSplit(["a", "b"], {"north": FileTrack(tmp_path / "north", ["a", "b"], Space((5,)))})
    with pytest.raises(DataError, match=r"b.zip: expected the shape \(steps, 5\), it has \(3, 4\)"):
        pack_split(split, tmp_path / "p.h5", HEADER)


@pytest.fixture
def uneven(tmp_path) -> ClipSplit:
    """Clips of 5, 2 and no steps of one modality, and of 3, 1 and 4 steps of another."""
    lengths = {"north": (5, 2, 0), "south": (3, 1, 4)}
    ids = ["a", "b", "c"]
    for modality, counts in lengths.items():
        (tmp_path / modality).mkdir()
        for name, count in zip(ids, counts, strict=True):
            np.save(tmp_path / modality / f"{name}.npy", np.full((count, 2), 1 / (1 + count), np.float32))

    @attrs.frozen
    class Whole(FileTrack):
        """Allows clips without steps."""

        def read(self, clip: int) -> np.ndarray:
            return read_array(self.path(clip))

    return ClipSplit(ids, {m: Whole(tmp_path / m, ids, Space((2,)), ".npy") for m in lengths}, one_clock=True)


def test_clips_of_different_lengths_are_padded_and_masked(uneven):
    batch = uneven[[1, 2, 1]]
    assert {m: tuple(values.shape) for m, (values, _) in batch.inputs.items()} == {m: (3, 4, 2) for m in batch.inputs}
    assert batch.inputs["north"].mask.sum(1).tolist() == [2, 0, 2]
    assert batch.inputs["south"].mask.sum(1).tolist() == [1, 4, 1]
    assert not batch.inputs["north"].values[~batch.inputs["north"].mask].any()
    assert uneven[[2]].inputs["south"].mask is None
    uneven.one_clock = False
    assert [values.shape[1] for values, _ in uneven[[1, 2]].inputs.values()] == [2, 4]
    assert uneven[[2]].inputs["north"].values.shape == (1, 1, 2)


def test_masks_of_uneven_clips_survive_packing(uneven, tmp_path):
    assert uneven.lengths_vary
    path = tmp_path / "p.h5"
    pack_split(uneven, path, HEADER, "float32")
    packed, original = PackedSplit(path)[[0, 1, 2]], uneven[[0, 1, 2]]
    for modality, (values, mask) in original.inputs.items():
        steps = packed.inputs[modality].values.shape[1]
        assert steps == 5
        assert torch.equal(packed.inputs[modality].mask[:, : mask.shape[1]], mask[:, :steps])
        assert torch.equal(packed.inputs[modality].values[mask[:, :steps]], values[mask])
    assert PackedSplit(path).damaged() == []


def test_values_that_float16_cannot_hold(tmp_path):
    write(tmp_path / "north", "a", np.full((5, 4), 7e4 / 3))
    write(tmp_path / "north", "b", np.full((5, 4), 1e5 / 1.3))
    split = ClipSplit(["a", "b"], {"north": FileTrack(tmp_path / "north", ["a", "b"], SPACE)})
    with pytest.raises(DataError, match="b: the value 76923.1 is too large for float16"):
        pack_split(split, tmp_path / "p.h5", HEADER)
    assert pack_split(split, tmp_path / "q.h5", HEADER, "float32").clips == 2


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "the disk is full"), (errno.EFBIG, "files of this size are not allowed here")]
)
@pytest.mark.parametrize("clip", [0, 1, 13])
def test_a_full_disk_loses_nothing(folder, clip, code, said, monkeypatch):
    writes, real = [], module._write_clip

    def full(*arguments):
        if len(writes) == clip:
            raise OSError(code, os.strerror(code))
        writes.append(real(*arguments))

    monkeypatch.setattr(module, "_write_clip", full)
    with pytest.raises(DataError, match=rf"{said}; the clips packed so far are kept in .*p\.h5\.partial"):
        pack_split(clips(folder), folder / "p.h5", HEADER)
    monkeypatch.setattr(module, "_write_clip", real)
    seen = []
    pack_split(clips(folder), folder / "p.h5", HEADER, "float16", lambda *each: seen.append(each))
    assert len(seen) == 20 - clip and PackedSplit(folder / "p.h5").damaged() == []


def test_a_disk_that_is_too_small_is_told_at_once(folder, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: os.terminal_size((0, 0)) and Free(100))
    with pytest.raises(DataError, match=r"0\.0 MB left, 0\.\d MB are needed"):
        pack_split(clips(folder), folder / "p.h5", HEADER)
    assert not list(folder.glob("p.h5*"))


class Free:
    def __init__(self, free):
        self.free = free


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_packed_store import HEADER, clips, pack_split
folder = Path({folder!r})
slowly = lambda done, clips: (print(done, flush=True), time.sleep(0.05))
pack_split(clips(folder), folder / "p.h5", HEADER, "float32", slowly)
"""


def test_a_killed_pack_goes_on_where_it_was(folder):
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < 6:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "p.h5.partial").exists() and not (folder / "p.h5").exists()
    seen = []
    pack_split(clips(folder), folder / "p.h5", HEADER, "float32", lambda *each: seen.append(each))
    assert 0 < len(seen) <= 14
    assert_equal(PackedSplit(folder / "p.h5")[range(20)], clips(folder)[range(20)])
    assert PackedSplit(folder / "p.h5").damaged() == []


@pytest.mark.parametrize("other", ["header", "precision", "clips"])
def test_something_else_was_begun(folder, other):
    damage(folder, 7)
    with pytest.raises(DataError):
        pack_split(clips(folder), folder / "p.h5", HEADER)
    split = ClipSplit(IDS[:5], clips(folder).tracks) if other == "clips" else clips(folder)
    header = Header("version 2", "", {}) if other == "header" else HEADER
    with pytest.raises(DataError, match=r"p\.h5\.partial belongs to other data or settings"):
        pack_split(split, folder / "p.h5", header, "float32" if other == "precision" else "float16")


def test_what_is_packed_is_not_packed_again(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    with pytest.raises(DataError, match=r"p\.h5 exists already"):
        pack_split(clips(folder), folder / "p.h5", HEADER)


def test_nothing_to_pack(folder):
    with pytest.raises(DataError, match="has no clips"):
        pack_split(ClipSplit([], {}), folder / "p.h5", HEADER)
    damage(folder, *range(20))
    with pytest.raises(DataError, match="none of the 20 clips can be read; the last one: .*19_x.zip"):
        pack_split(clips(folder), folder / "p.h5", HEADER)


def test_damaged_bytes_are_found(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    packed = PackedSplit(folder / "p.h5")
    place = packed.layout.columns["inputs/north"].offset + 11 * packed.layout.columns["inputs/north"].size
    with (folder / "p.h5").open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))
    assert PackedSplit(folder / "p.h5").damaged() == [IDS[11]]


def test_a_clip_lost_by_a_damaged_byte_is_found(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    with (folder / "p.h5").open("r+b") as file:
        file.seek(PackedSplit(folder / "p.h5").layout.columns["state"].offset + 11)
        file.write(bytes([0]))
    packed = PackedSplit(folder / "p.h5")
    assert len(packed) == len(IDS) - 1 and packed.damaged() == [IDS[11]]


def test_a_changed_header_of_a_packed_file(folder):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    (folder / "p.h5").write_bytes((folder / "p.h5").read_bytes().replace(b"TREE", b"TRAE", 1))
    with pytest.raises(DataError, match=r"p\.h5 is no complete packed file"):
        len(PackedSplit(folder / "p.h5"))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_a_cut_packed_file(folder, share):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    whole = (folder / "p.h5").read_bytes()
    (folder / "p.h5").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"p\.h5 is no complete packed file"):
        len(PackedSplit(folder / "p.h5"))


def test_a_packed_file_that_may_not_be_read_is_not_called_damaged(folder, monkeypatch):
    def denied(*arguments, **more):
        raise PermissionError(errno.EACCES, "Unable to open file")

    pack_split(clips(folder), folder / "p.h5", HEADER)
    monkeypatch.setattr(h5py, "File", denied)
    for read in (lambda: len(PackedSplit(folder / "p.h5")), lambda: read_array(folder / "p.h5")):
        with pytest.raises(DataError, match=r"p\.h5 cannot be read: Permission denied"):
            read()


def test_another_file_or_format(folder):
    with h5py.File(folder / "p.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(DataError, match="is no packed split, expected format 2"):
        len(PackedSplit(folder / "p.h5"))
    with h5py.File(folder / "p.h5", "w") as file:
        file.attrs["codaar_packed"] = 3
    with pytest.raises(DataError, match="is format 3, expected format 2"):
        len(PackedSplit(folder / "p.h5"))


def test_the_checksum_follows_from_the_content(folder):
    def checksum(name):
        pack_split(clips(folder), folder / name, HEADER, "float32")
        return PackedSplit(folder / name).checksum

    first = checksum("a.h5")
    assert checksum("b.h5") == first
    write(folder / "north", IDS[0], np.zeros((5, 4)))
    assert checksum("c.h5") != first


def first_value(split: PackedSplit) -> float:
    return float(split[[3]].inputs["north"].values.sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(folder, method):
    pack_split(clips(folder), folder / "p.h5", HEADER)
    split = PackedSplit(folder / "p.h5")
    expected = first_value(split)
    assert first_value(pickle.loads(pickle.dumps(split))) == expected
    assert len(pickle.dumps(split)) < 500
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    context = multiprocessing.get_context(method)
    loader = torch.utils.data.DataLoader(
        range(20), batch_size=5, num_workers=1, collate_fn=Collate(split), multiprocessing_context=context
    )
    torch.testing.assert_close(torch.cat(list(loader)), split[range(20)].inputs["north"].values)


class Collate:
    """Reads in the worker."""

    def __init__(self, split):
        self.split = split

    def __call__(self, indices):
        return self.split[indices].inputs["north"].values


# The data source


def source(folder, *modalities) -> PackedFeatures:
    return PackedFeatures(PackedFeatures.Config(folder=str(folder)), DataContext(modalities))


def test_the_source_packed(folder):
    pack_split(clips(folder), folder / "packed" / "pretrain.h5", HEADER)
    pack_split(clips(folder), folder / "packed" / "task" / "test.h5", HEADER)
    packed = source(folder / "packed", "north")
    assert dict(packed.spaces) == {"north": Space((4,), 5), "south": Space((3,), 5)}
    assert packed.extraction == {"north": "by hand"}
    assert packed.origin.startswith("made up, version 1; packed: 20 clips, sha256 ")
    assert set(packed.split("pretrain")[[0]].inputs) == {"north"} and len(packed.split("task/test")) == 20
    assert packed.inventory("pretrain") == ["terms of the packed data: CC0-1.0", "packed: 20 clips"]
    assert packed.synthetic(3, 1)[range(3)].inputs["north"].values.shape == (3, 5, 4)
    with pytest.raises(DataError, match="has no packed split 'val'") as error:
        packed.split("val")
    assert error.value.help == "it has pretrain, task/test; `codaar data pack` writes them"


def test_the_source_packed_without_files(tmp_path):
    for ask in (lambda: source(tmp_path).spaces, lambda: source(tmp_path).split("pretrain")):
        with pytest.raises(DataError) as error:
            ask()
        assert "codaar data pack" in error.value.help


def test_random_clips_follow_from_their_seed():
    spaces = {"north": Space((2, 3), 4), "south": Space((5,))}
    first, again, other = (RandomSplit(spaces, 7, seed)[range(7)] for seed in (1, 1, 2))
    assert first.inputs["north"].values.shape == (7, 4, 2, 3)
    assert torch.equal(first.inputs["south"].values, again.inputs["south"].values)
    assert not torch.equal(first.inputs["south"].values, other.inputs["south"].values)
