"""Lists, parts and labels of UCF101<->VGGSound; what is damaged ends in one clear message."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from codaar_plugin_ucf_vggsound.classes import PAIRS
from codaar_plugin_ucf_vggsound.lists import read_list
from codaar_plugin_ucf_vggsound.ucf_vggsound import held_out

from codaar_core.api import ComponentError, DataError, Predicted, Transfer
from codaar_core.features import read_names
from codaar_core.testing.data_plugins import check_other_extractor, rewrite_zips

SEEN, HEARD = tuple(PAIRS), tuple(PAIRS.values())


def test_each_modality_is_a_data_set_of_its_own(make):
    benchmark = make("as-published")
    assert (benchmark.selection, benchmark.dropout) == ("test", True)
    for modality, clips, classes in (("video", 24, [0, 2, 6]), ("audio", 30, [0, 2, 10])):
        train, test = (benchmark.split(role, modality) for role in ("train", "test"))
        assert train.ids == test.ids
        batch = test[range(clips)]
        assert len(test) == clips
        assert batch.targets[modality].unique().tolist() == classes
        assert batch.targets[modality].dtype == torch.int64
    assert batch.inputs["audio"].values.shape == (30, 10, 128)
    assert pickle.loads(pickle.dumps(test))[[3]].targets["audio"].tolist() == [0]


def test_numpy_files_give_the_same_clips(make, small, tmp_path):
    folder = small.write_both(tmp_path)
    released = make(root=str(folder)).split("test", "video")[[0, 1]]
    assert rewrite_zips(folder, ".npz")
    assert torch.equal(
        make(root=str(folder)).split("test", "video")[[0, 1]].inputs["video"].values, released.inputs["video"].values
    )


def test_extraction_notes_are_compared_with_the_settings(make, small, tmp_path):
    folder = small.write_both(tmp_path)
    both = make(root=str(folder))
    videos = folder / "UCF101/feature/video/zip"
    check_other_extractor(videos, "video_made_by", lambda: both.extraction, lambda: both.split("test", "video"))
    assert make(root=str(folder), video_made_by="mine").extraction["video"] == "mine"


def test_short_and_long_clips_have_ten_seconds(make):
    split = make().split("test", "video")
    long, short = split[[0, 1]].inputs["video"].values
    assert long.shape == short.shape == (10, 7, 7, 8)
    assert torch.equal(short[6], short[9])


def test_strict_parts_keep_recordings_together(make):
    benchmark = make()
    assert (benchmark.selection, benchmark.dropout) == ("validation", False)
    for modality, clips in (("video", 24), ("audio", 30)):
        train, validation, test = (benchmark.split(role, modality).ids for role in ("train", "validation", "test"))
        assert len(test) == clips
        assert sorted([*train, *validation]) == sorted(test)
        assert 0 < len(validation) < len(train)
        if modality == "video":
            assert not {id[:-4] for id in train} & {id[:-4] for id in validation}


def test_metrics_of_each_mode(make):
    said, true = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 1])
    assert make("as-published").score(*[Predicted(said, true)] * 2) == {"accuracy": 0.5}
    scores = make().score(*[Predicted(said, true)] * 2)
    assert scores == pytest.approx(
        {"accuracy": 0.5, "macro_precision": 0.5, "macro_recall": 4 / 9, "macro_f1": (2 / 3 + 1 / 2) / 3}
    )


def test_what_was_published_belongs_to_its_mode_and_pretraining(make):
    assert make().published == {}
    assert make("as-published").published == {"video->audio/accuracy": 0.735, "audio->video/accuracy": 0.665}
    assert make("as-published", pretraining="90k").published["audio->video/accuracy"] == 0.650
    assert make("as-published", modalities=("audio", "video")).published == {}
    assert make("as-published", pretraining="other").published == {}


def test_text_is_no_side_of_a_transfer(make):
    assert make().transfers() == [Transfer("video", "audio"), Transfer("audio", "video")]
    with pytest.raises(ComponentError, match="no 'audio'"):
        make(modalities=("video", "text"))


def test_oddities_are_counted(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("category,video_id\nSkiing,a\nSkiing,a\nTyping,b\nSurfing,c\n")
    clips = read_list(path, ("Skiing", "Bowling", "Typing"))
    assert (clips.ids, clips.labels.tolist()) == (("a", "b"), [0, 2])
    assert clips.defects.counts == {
        "repeated video_id left out": 1,
        "unknown category left out": 1,
        "class without a clip": 1,
    }


@pytest.fixture
def own(small, tmp_path):
    return small.write_both(tmp_path)


def test_class_files_are_read_where_they_are(make, own, small):
    small.write_classes(own, SEEN, HEARD)
    assert len(make(root=str(own)).split("test", "audio")) == 30
    small.write_classes(own, (SEEN[1], SEEN[0], *SEEN[2:]), HEARD)
    with pytest.raises(DataError, match="UCF101sameVGGSound.txt has other classes or another order"):
        make(root=str(own)).split("test", "audio")


def test_damage_is_named(make, own):
    with pytest.raises(DataError, match="needs `root`") as error:
        make(root=None).split("test", "audio")
    assert "github.com" in error.value.help
    with pytest.raises(DataError, match="nowhere"):
        make(root="nowhere").split("test", "audio")
    with pytest.raises(DataError, match=r"expected the shape \(steps, 7, 7, 512\), it has \(12, 7, 7, 8\)"):
        make(channels=512).split("test", "video")[[0]]
    next((own / "feature/audio/zip").iterdir()).unlink()
    with pytest.raises(DataError, match="1 of 30 clips have no file of 'audio'"):
        make(root=str(own)).split("test", "audio")
    with pytest.warns(UserWarning, match="1 of 30 clips are left out"):
        assert len(make(root=str(own), bad_clips="skip", bad_share=0.1).split("test", "audio")) == 29
    (own / "vggsound2ucf.csv").write_text("category,video_id\nskiing\n")
    with pytest.raises(DataError, match="vggsound2ucf.csv:2: malformed row"):
        make(root=str(own)).split("test", "audio")
    (own / "vggsound2ucf.csv").write_text("category,id\nskiing,a\n")
    with pytest.raises(DataError, match="vggsound2ucf.csv has no column 'video_id'"):
        make(root=str(own)).split("test", "audio")


@pytest.mark.parametrize(
    ("name", "classes", "clips", "empty"),
    [("vggsound2ucf", HEARD, 4813, "playing frisbee"), ("ucf2vggsound", SEEN, 2003, "Bowling")],
)
def test_the_true_lists(shared, released_numbers, name, classes, clips, empty):
    found = read_list(shared / "datasets/codaar_annotations/UCF101" / f"{name}.csv", classes)
    assert len(found.ids) == len(set(found.ids)) == clips
    assert (found.labels == released_numbers("labels").arrays[name]).all()
    assert len(np.unique(found.labels)) == 15
    assert [(defect.what, defect.detail) for defect in found.defects] == [("class without a clip", empty)]


def test_the_true_lists_share_fourteen_classes(shared, make):
    folder = shared / "datasets/codaar_annotations/UCF101"
    clips = make(root=str(folder)).clips
    seen, heard = (clips[modality].labels for modality in ("video", "audio"))
    assert len(np.intersect1d(seen, heard)) == 14
    assert (np.isin(heard, seen).mean(), np.isin(seen, heard).mean()) == pytest.approx((0.957, 0.937), abs=5e-4)
    for modality, of_modality in clips.items():
        share = np.mean([held_out(id, modality) for id in of_modality.ids])
        assert share == pytest.approx(0.2, abs=0.01)


def test_the_true_class_files(shared):
    folder = shared / "datasets/codaar_annotations/UCF101"
    assert read_names(folder / "UCF101sameVGGSound.txt") == SEEN
    assert read_names(folder / "VGGSoundsameUCF101.txt") == HEARD


def test_all_of_vggsound_is_in_the_40k_list(shared):
    folder = shared / "datasets/codaar_annotations"
    heard = set(read_list(folder / "UCF101/vggsound2ucf.csv", HEARD).ids)
    shares = []
    for name in ("vggsound-avel40k.csv", "vggsound-avel90k-new.csv"):
        pretrained = {line.split(",")[1] for line in (folder / "Vggsound" / name).read_text().splitlines()[1:]}
        shares.append(len(heard & pretrained) / len(heard))
    assert shares == pytest.approx([1.0, 0.79], abs=5e-3)
