"""Files of one clip: every container, every kind of damage, and the repairs of released loaders."""

from __future__ import annotations

import pickle
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import DataError, Space
from codaar_core.features import (
    FileTrack,
    absent_files,
    channels_last,
    feature_file,
    fit_length,
    looks_quantised,
    read_array,
    read_h5,
)

VALUES = np.arange(20, dtype=np.float32).reshape(10, 2) / 7


def write_zip(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in members.items():
            archive.writestr(name.replace("__", "."), values if isinstance(values, bytes) else pickle.dumps(values))


def written(folder, suffix):
    path = folder / f"clip{suffix}"
    if suffix == ".zip":
        write_zip(path, clip__pkl=VALUES)
    elif suffix == ".pkl":
        path.write_bytes(pickle.dumps(VALUES))
    elif suffix == ".npy":
        np.save(path, VALUES)
    else:
        with h5py.File(path, "w") as file:
            file["inside/it"] = VALUES
    return path


@pytest.mark.parametrize("suffix", [".zip", ".pkl", ".npy", ".h5"])
def test_every_container(suffix, tmp_path):
    np.testing.assert_array_equal(read_array(written(tmp_path, suffix)), VALUES)


@pytest.mark.parametrize("suffix", [".zip", ".pkl", ".npy", ".h5"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_one_error_that_names_it(suffix, share, tmp_path):
    path = written(tmp_path, suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=f"clip{suffix}"):
        read_array(path)


@pytest.mark.parametrize("suffix", [".zip", ".pkl", ".npy", ".h5", ".txt"])
def test_missing_and_unknown_files(suffix, tmp_path):
    with pytest.raises(DataError, match=f"clip{suffix}"):
        read_array(tmp_path / f"clip{suffix}")


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path):
    path = tmp_path / "clip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("clip.pkl", pickle.dumps(VALUES))
    content = bytearray(path.read_bytes())
    content[150] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"clip\.zip is no complete zip file: Bad CRC-32"):
        read_array(path)


def changed(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_a_changed_byte_in_a_zip_of_another_compression(tmp_path):
    path = tmp_path / "clip.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("clip.pkl", pickle.dumps(VALUES))
    start = path.read_bytes().index(b"clip.pkl") + 20
    path.write_bytes(path.read_bytes()[:start] + b"\xff" * 40 + path.read_bytes()[start + 40 :])
    with pytest.raises(DataError, match=r"clip\.zip is no complete zip file"):
        read_array(path)


def test_changed_headers(tmp_path):
    changed(written(tmp_path, ".npy"), b"'shape': (10, 2)", b"'shape': ((0, 2)")
    with pytest.raises(DataError, match=r"clip\.npy is no \.npy file of numbers"):
        read_array(tmp_path / "clip.npy")
    changed(written(tmp_path, ".h5"), b"TREE", b"TRAE")
    with pytest.raises(DataError, match=r"clip\.h5 is no complete HDF5 file"):
        read_array(tmp_path / "clip.h5")


def test_of_several_pickles_the_last_counts(tmp_path):
    write_zip(tmp_path / "a.zip", first__pkl=VALUES + 1, deep__pkl__old=VALUES, readme__txt=b"no")
    np.testing.assert_array_equal(read_array(tmp_path / "a.zip"), VALUES)


def test_a_zip_without_pickle(tmp_path):
    write_zip(tmp_path / "a.zip", readme__txt=b"no")
    with pytest.raises(DataError, match=r"a\.zip: there is no \.pkl"):
        read_array(tmp_path / "a.zip")


def test_h5_with_several_datasets_wants_a_key(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = VALUES, VALUES + 1
    np.testing.assert_array_equal(read_h5(tmp_path / "a.h5", "y"), VALUES + 1)
    with pytest.raises(DataError, match="expected one dataset, it has x, y"):
        read_h5(tmp_path / "a.h5")
    with pytest.raises(DataError, match="expected the dataset 'z', it has x, y"):
        read_h5(tmp_path / "a.h5", "z")


def test_no_pickle_hides_in_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy is no \.npy file of numbers"):
        read_array(tmp_path / "a.npy")


# Shapes


@given(st.integers(1, 25), st.integers(1, 25))
@settings(deadline=None, max_examples=25)
def test_the_length_rule_is_its_slow_twin(given_steps, wanted):
    values = np.arange(given_steps * 3).reshape(given_steps, 3)
    fitted = fit_length(values, wanted)
    assert fitted.tolist() == [values[min(step, given_steps - 1)].tolist() for step in range(wanted)]


def test_channels_last():
    assert channels_last(np.zeros((10, 512, 7, 6))).shape == (10, 7, 6, 512)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.0, 255.0]), True),
        (np.array([0, 21], np.uint8), True),
        (np.array([0.0, 255.5]), False),
        (np.array([0.0, 4.0]), False),
        (np.zeros(0), False),
    ],
)
def test_quantised_features_are_told_by_their_range(values, expected):
    assert looks_quantised(values) is expected


def track(folder, values, **more):
    write_zip(folder / "-a_1.zip", x__pkl=values)
    return FileTrack(folder, ["-a_1"], Space((2,), 10), **more)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16"])
def test_a_track_repairs_length_and_precision(dtype, tmp_path):
    values = track(tmp_path, VALUES[:4].astype(dtype)).read(0)
    assert values.shape == (10, 2) and values.dtype == (np.float16 if dtype == "float16" else np.float32)
    assert (values[4:] == values[3]).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VALUES[:, :1], r"expected the shape \(steps, 2\), it has \(10, 1\)"),
        (VALUES[:0], r"expected the shape \(steps, 2\), it has \(0, 2\)"),
        (VALUES[0], r"expected the shape \(steps, 2\), it has \(2,\)"),
        (np.where(VALUES > 2, np.nan, VALUES), "5 of 20 values are NaN or infinite"),
        (np.where(VALUES == 0, np.inf, VALUES), "1 of 20 values are NaN or infinite"),
        (np.where(VALUES == 0, -1e300, VALUES.astype(np.float64)), "1 of 20 values are NaN or infinite in float32"),
        (np.full((10, 2), 200.0), r"look rounded to eight bits \(whole numbers up to 200\)"),
    ],
)
def test_unusable_clips_are_refused_by_name(values, said, tmp_path):
    with pytest.raises(DataError, match=rf"-a_1\.zip: .*{said}"):
        track(tmp_path, values).read(0)


def test_quantised_features_are_read_where_they_are_welcome(tmp_path):
    assert track(tmp_path, np.full((10, 2), 200.0), quantised=True).read(0).max() == 200


def test_channels_first_is_told_not_guessed(tmp_path):
    write_zip(tmp_path / "a.zip", x__pkl=np.arange(40.0).reshape(1, 10, 2, 2) / 3)
    space = Space((2, 2, 10), 1)
    turned = FileTrack(tmp_path, ["a"], space, channels="first").read(0)
    assert turned.shape == (1, 2, 2, 10) and turned[0, 0, 0].tolist() == pytest.approx([4 * i / 3 for i in range(10)])
    with pytest.raises(DataError, match=r"it has \(1, 10, 2, 2\)"):
        FileTrack(tmp_path, ["a"], space).read(0)


def test_absent_files_are_found_by_one_listing(tmp_path):
    write_zip(tmp_path / "a.zip", x__pkl=VALUES)
    some = FileTrack(tmp_path, ["a", "b"], Space((2,), 10))
    assert some.absent() == [tmp_path / "b.zip"]
    assert len(FileTrack(tmp_path / "nowhere", ["a", "b"], Space((2,), 10)).absent()) == 2


def test_the_real_vggish_file_is_read_as_it_is(shared):
    values = read_h5(shared / "datasets" / "ave" / "audio_feature_noisy.h5", "avadataset")
    assert values.shape == (178, 10, 128) and values.dtype == np.float64
    assert values.min() == 0 and values.max() == pytest.approx(4.54, abs=0.005)
    assert np.mean(values == 0) == pytest.approx(0.65, abs=0.01)
    assert not looks_quantised(values)
    assert (values == values.astype(np.float32)).all()


@pytest.mark.parametrize("suffix", [".zip", ".npy", ".h5"])
def test_a_track_finds_files_of_other_suffixes(tmp_path, suffix):
    written(tmp_path, suffix)
    track = FileTrack(tmp_path, ["clip", "other"], Space((2,), 10))
    np.testing.assert_array_equal(track.read(0), VALUES)
    assert track.absent() == absent_files(tmp_path, track.ids) == [tmp_path / "other.zip"]


def test_the_released_file_comes_first_and_two_others_are_refused(tmp_path):
    for suffix in (".npy", ".h5"):
        written(tmp_path, suffix)
    with pytest.raises(DataError, match=r"clip\.npy and .*clip\.h5 are two files of the clip 'clip'"):
        feature_file(tmp_path, "clip")
    assert feature_file(tmp_path, "clip", ".h5").suffix == ".h5"
    written(tmp_path, ".zip")
    assert feature_file(tmp_path, "clip").suffix == ".zip"
