"""Reading of AVE's folder: rows in released order, labels with and without a file, packed splits, damage."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from codaar_plugin_ave.annotations import read_annotations
from codaar_plugin_ave.feature_rows import FeatureRows

from codaar_core.api import DataError, Space
from codaar_core.features import Header, pack_split

KEY = "avadataset"


def rewrite(path, change, key=KEY):
    with h5py.File(path) as file:
        values = file[key][()]
    path.unlink()
    with h5py.File(path, "w") as file:
        file[key] = change(values)


def changed(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_a_split_reads_the_rows_of_its_order(written, make_benchmark):
    split = make_benchmark(written).split("train", "video")
    order, table = h5py.File(written / "train_order.h5")["order"][()], read_annotations(written / "Annotations.txt")
    assert not (np.diff(order) > 0).all()
    features = h5py.File(written / "visual_feature.h5")[KEY][()]
    clips = [7, 0, 11]
    batch = split[clips]
    assert list(split.ids) == [table.ids[row] for row in order]
    assert batch.inputs["video"].values.dtype == torch.float32
    torch.testing.assert_close(batch.inputs["video"].values.double(), torch.from_numpy(features[order[clips]]))
    assert batch.targets["video"].tolist() == table.classes[order[clips]].tolist()
    assert set(batch.inputs) == set(batch.targets) == {"video"}


def test_a_folder_of_features_gives_the_same_clips(written, tmp_path, make_benchmark):
    """One file per recording, in place of rows."""
    released = make_benchmark(written).split("test", "audio")
    batch = released[range(len(released))]
    for name, values in zip(released.ids, batch.inputs["audio"].values, strict=True):
        np.save(tmp_path / f"{name}.npy", values.numpy())
    found = make_benchmark(written, audio=str(tmp_path)).split("test", "audio")
    assert list(found.ids) == list(released.ids)
    assert torch.equal(found[range(len(found))].inputs["audio"].values, batch.inputs["audio"].values)


@pytest.mark.parametrize("name", ["labels.h5", "right_labels.h5"])
def test_a_file_of_labels_is_read_where_there_is_one(folder, make_data, name):
    table = read_annotations(folder / "Annotations.txt")
    labels = table.labels().astype(np.float64)
    labels[5] = 0
    labels[5, :, 9] = 1
    with h5py.File(folder / name, "w") as file:
        file[KEY] = labels
    files = make_data(folder).files
    assert files.classes[5] == 9
    assert np.delete(files.classes, 5).tolist() == np.delete(table.classes, 5).tolist()
    assert f"{name}, row 5" in str(files.defects.each[-1])
    assert "labels from " + name in make_data(folder).origin
    assert "Annotations.txt alone" not in make_data(folder).origin


def test_labels_of_other_clips_are_refused(folder, make_data):
    labels = read_annotations(folder / "Annotations.txt").labels()
    with h5py.File(folder / "labels.h5", "w") as file:
        file[KEY] = np.roll(labels, 1, 0)
    with pytest.raises(
        DataError, match=r"labels.h5: 20 of 20 labels differ from .*Annotations.txt, the first in row 0"
    ):
        make_data(folder).origin  # noqa: B018


def test_extraction_notes_are_compared_with_the_settings(written, tmp_path, make_data, make_benchmark):
    (tmp_path / "extraction.toml").write_text('made_by = "wav2vec"\n')
    told = "audio_made_by is 'vggish-relu', and .*extraction.toml says that these features were made by 'wav2vec'"
    for asked in (
        lambda: make_benchmark(written, audio=str(tmp_path)).extraction,
        lambda: make_data(written, audio=str(tmp_path)).split("train"),
    ):
        with pytest.raises(DataError, match=told):
            asked()
    stated = make_benchmark(written, audio=str(tmp_path), audio_made_by="wav2vec").extraction
    assert stated == {"audio": "wav2vec", "video": "keras-vgg19-pool5"}


def test_negative_values_after_a_rectifier_are_refused(folder, make_benchmark):
    rewrite(folder / "audio_feature.h5", lambda values: values - 1)
    with pytest.raises(
        DataError, match="audio_feature.h5/.*: made_by is 'vggish-relu', which gives no negative values"
    ):
        make_benchmark(folder).split("test", "audio")[[0]]
    other = make_benchmark(folder, audio_made_by="vggish-linear").split("test", "audio")
    assert other[[0]].inputs["audio"].values.min() < 0


def test_without_a_file_labels_follow_from_the_annotations(written, make_data):
    data = make_data(written)
    assert data.files.classes.tolist() == data.files.annotations.classes.tolist()
    assert data.origin == "AVE: 20 clips, labels from Annotations.txt alone"


def test_a_packed_folder_reads_as_the_files_it_was_made_of(written, make_benchmark, tmp_path):
    plain = make_benchmark(written)
    header = Header("AVE", "none", {"audio": "another-vggish", "video": "keras-vgg19-pool5"})
    for name in ("train", "val", "test"):
        both = plain.files.clips(name, ("audio", "video"))
        pack_split(both, tmp_path / f"{name}.h5", header, "float32")
    packed = make_benchmark(tmp_path)
    assert packed.extraction == header.extraction
    for role in ("train", "validation", "test"):
        for modality in ("audio", "video"):
            one, other = (each.split(role, modality) for each in (plain, packed))
            assert list(one.ids) == list(other.ids)
            first, second = one[range(len(one))], other[range(len(other))]
            assert torch.equal(first.inputs[modality].values, second.inputs[modality].values)
            assert torch.equal(first.targets[modality], second.targets[modality])
            assert set(second.inputs) == {modality}


def test_packed_features_of_another_shape_are_refused(written, make_benchmark, tmp_path):
    split = make_benchmark(written).files.clips("test", ("audio", "video"))
    pack_split(split, tmp_path / "test.h5", Header("AVE", "none", {}), "float32")
    benchmark = make_benchmark(tmp_path)
    benchmark.files.spaces["audio"] = Space((128,), 10)
    with pytest.raises(DataError, match=r"expected 'audio' features \(10, 128\), found \(10, 4\)"):
        benchmark.split("test", "audio")


def test_packed_sound_alone_has_no_frames(written, make_benchmark, tmp_path):
    split = make_benchmark(written).files.clips("test", ("audio",))
    pack_split(split, tmp_path / "test.h5", Header("AVE", "none", {"audio": "vggish-relu"}), "float32")
    benchmark = make_benchmark(tmp_path)
    assert benchmark.extraction == {"audio": "vggish-relu"}
    assert len(benchmark.split("test", "audio")) == 4
    with pytest.raises(DataError, match=r"expected 'video' features \(10, 2, 2, 3\), found none"):
        benchmark.split("test", "video")


def test_the_data_source_has_the_released_splits_and_unlabelled_training_clips(tmp_path, make_data):
    from codaar_plugin_ave.example_files import write_example

    data = make_data(write_example(tmp_path / "ave", clips=(3, 2, 1), classes=2))
    assert [len(data.split(name)) for name in ("pretrain", "train", "val", "test")] == [3, 3, 2, 1]
    batch, labelled = data.split("pretrain")[[0, 2]], data.split("train")[[0, 2]]
    assert not batch.targets
    assert set(labelled.targets) == {"audio", "video"}
    assert torch.equal(batch.inputs["audio"].values, labelled.inputs["audio"].values)
    assert data.inventory("test") == ["audio: 1 of 1 clips are there", "video: 1 of 1 clips are there"]
    with pytest.raises(DataError, match="no split 'validation'"):
        data.split("validation")


def test_quantised_sound_is_refused_unless_it_is_welcome(folder, make_benchmark):
    rewrite(folder / "audio_feature.h5", lambda values: np.rint(255 * values / values.max()))
    with pytest.raises(DataError, match="rounded to eight bits") as caught:
        make_benchmark(folder).split("test", "audio")[[0]]
    assert "quantised = true" in caught.value.help
    assert make_benchmark(folder, quantised=True).split("test", "audio")[[0]].inputs["audio"].values.max() > 20


DAMAGE = {
    "no folder": (lambda root: __import__("shutil").rmtree(root), "Annotations.txt is missing"),
    "no features": (lambda root: (root / "audio_feature.h5").unlink(), "audio_feature.h5 is missing"),
    "no order": (lambda root: (root / "test_order.h5").unlink(), "test_order.h5 is missing"),
    "cut features": (
        lambda root: (root / "audio_feature.h5").write_bytes((root / "audio_feature.h5").read_bytes()[:900]),
        "audio_feature.h5 is no complete HDF5 file",
    ),
    "changed features": (
        lambda root: changed(root / "audio_feature.h5", b"TREE", b"TRAE"),
        "audio_feature.h5 is no complete HDF5 file",
    ),
    "other key": (
        lambda root: h5py.File(root / "audio_feature.h5", "r+").move(KEY, "features"),
        "expected the dataset 'avadataset', it has features",
    ),
    "fewer clips": (
        lambda root: rewrite(root / "audio_feature.h5", lambda values: values[:-1]),
        "audio_feature.h5: expected the shape (20, 10, 4), it has (19, 10, 4)",
    ),
    "not a number": (
        lambda root: rewrite(root / "audio_feature.h5", lambda values: np.where(values > 1, np.nan, values)),
        "values are NaN or infinite",
    ),
    "order of more clips": (
        lambda root: rewrite(root / "test_order.h5", lambda order: order + 20, "order"),
        "test_order.h5: expected distinct numbers from 0 to 19",
    ),
    "repeated order": (
        lambda root: rewrite(root / "test_order.h5", lambda order: order[[0, 0]], "order"),
        "test_order.h5: expected distinct numbers from 0 to 19",
    ),
    "order of words": (
        lambda root: rewrite(root / "test_order.h5", lambda order: order.astype("S2"), "order"),
        "test_order.h5: '/order' has values of type |S2, expected numbers",
    ),
    "labels of another set": (
        lambda root: h5py.File(root / "labels.h5", "w").create_dataset(KEY, data=np.zeros((20, 29))),
        "labels.h5: expected the shape (20, 10, 29), it has (20, 29)",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_clear_message(folder, make_benchmark, name):
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(DataError) as caught:
        split = make_benchmark(folder).split("test", "audio")
        split[range(len(split))]
    assert message in caught.value.message


def test_a_row_that_cannot_be_read_is_skipped(folder, make_benchmark):
    row = int(h5py.File(folder / "train_order.h5")["order"][3])
    table = (folder / "Annotations.txt").read_text()
    ids = read_annotations(folder / "Annotations.txt").ids
    other = ids[int(h5py.File(folder / "train_order.h5")["order"][4])]
    (folder / "Annotations.txt").write_text(table.replace(ids[row], other))  # two clips of one recording

    def spoil(values):
        values[row] = np.nan
        return values

    rewrite(folder / "audio_feature.h5", spoil)
    split = make_benchmark(folder, bad_clips="skip", bad_share=0.1).split("train", "audio")
    with pytest.warns(UserWarning, match="1 of 12 clips are left out"):
        assert len(split) == 11 and list(split.ids).count(other) == 1
    with pytest.raises(DataError, match="1 of 12 clips cannot be read, 0 may be left out"):
        len(make_benchmark(folder, bad_clips="skip").split("train", "audio"))
    with pytest.raises(DataError, match="NaN or infinite"):
        make_benchmark(folder).split("train", "audio")[[3]]


def test_a_missing_file_of_labels_that_was_asked_for_is_no_silence(folder, make_benchmark):
    with pytest.raises(DataError, match="mine.h5 is missing"):
        make_benchmark(folder, labels="mine.h5").split("test", "audio")


def test_without_a_root_the_message_says_where_to_get_the_data(make_benchmark):
    with pytest.raises(DataError, match="needs `root`") as caught:
        make_benchmark(None).split("test", "audio")
    assert "https://github.com/YapengTian/AVE-ECCV18" in caught.value.help


def test_real_features_are_read_as_they_are(real):
    """The one released file of features that is small: 178 clips of background."""
    track = FeatureRows(real / "audio_feature_noisy.h5", np.array([177, 3]), Space((128,), 10))
    track.refuse_other_shape(178)
    with h5py.File(real / "audio_feature_noisy.h5") as file:
        np.testing.assert_array_equal(track.read(1), file[KEY][3].astype(np.float32))
