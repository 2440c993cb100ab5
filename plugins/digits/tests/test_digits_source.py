"""The data source: what it promises of its splits."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest
import torch
from codaar_plugin_digits.digits import Digits
from codaar_plugin_digits.timelines import BACKGROUND

from codaar_core.api import ComponentError, DataContext, DataError

MODALITIES = ("audio", "video", "text")
LENGTHS = {
    "pretrain": 60,
    "classification/train": 80,
    "classification/test": 60,
    "localization/train": 50,
    "localization/test": 40,
    "retrieval/test": 30,
    "retrieval/captions": 150,
}


def whole(split):
    return split[range(len(split))]


def rows_of(split, modality) -> set[bytes]:
    """All feature rows of a split; equal rows are equal bytes."""
    values = whole(split.only(modality)).inputs[modality].values.flatten(0, 1).flatten(1)
    return {row.tobytes() for row in values.numpy()}


@pytest.mark.parametrize(("name", "length"), LENGTHS.items())
def test_splits_have_their_size_and_the_promised_spaces(digits, name, length):
    split = digits.split(name)
    batch = split[[3, 0, 3]]
    assert len(split) == length and digits.split(name) is split
    assert set(batch.inputs) == ({"text"} if name == "retrieval/captions" else set(MODALITIES))
    for modality, features in batch.inputs.items():
        space = digits.spaces[modality]
        assert features.values.shape == (3, space.length, *space.shape)
        assert features.values.dtype == torch.float32 and features.values.isfinite().all()
        assert torch.equal(features.values[0], features.values[2])
    assert not batch.targets if name == "pretrain" else set(batch.targets) == set(batch.inputs)


def test_a_clip_is_the_same_in_every_batch(digits):
    split = digits.split("classification/test")
    together, alone = whole(split), split[[7]]
    for modality in MODALITIES:
        assert torch.equal(together.inputs[modality].values[7:8], alone.inputs[modality].values)
        assert torch.equal(together.targets[modality][7:8], alone.targets[modality])


def test_features_have_unit_scale(digits):
    inputs = whole(digits.split("pretrain")).inputs
    for modality in MODALITIES:
        assert 0.5 < inputs[modality].values.square().mean().sqrt() < 2


def test_labels_are_what_is_heard_and_seen(digits):
    batch = whole(digits.split("classification/train"))
    words = batch.inputs["text"].values
    for clip, label in enumerate(batch.targets["text"].tolist()):
        spoken = {index for row in words[clip] for index in [nearest(digits, row)]} - {BACKGROUND}
        assert spoken == {label}
    assert torch.equal(batch.targets["audio"], batch.targets["video"])


def nearest(digits, row) -> int:
    return int((digits._studio.words - row).square().sum(-1).argmin())


def test_segment_labels_are_one_row_a_second_and_differ_between_modalities(digits):
    targets = whole(digits.split("localization/test")).targets
    for target in targets.values():
        assert target.shape == (40, 10, 11) and target.dtype == torch.float32
        assert torch.equal(target.sum(-1), torch.ones(40, 10))
    assert torch.equal(targets["audio"], targets["text"])
    assert not torch.equal(targets["audio"], targets["video"])


def test_each_item_has_five_captions(digits):
    clips, captions = whole(digits.split("retrieval/test")), whole(digits.split("retrieval/captions"))
    assert torch.equal(clips.targets["video"], torch.arange(30))
    assert torch.equal(captions.targets["text"], torch.arange(30).repeat_interleave(5))
    words = {index for row in clips.inputs["text"].values[4] for index in [nearest(digits, row)]} - {BACKGROUND}
    features = captions.inputs["text"]
    for entry in range(20, 25):
        named = {nearest(digits, row) for row in features.values[entry][features.mask[entry]]}
        assert words == {word for word in named if word < BACKGROUND}


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_no_feature_of_a_test_split_occurs_in_another_split(digits, modality):
    training = [
        rows_of(digits.split(name), modality) for name in LENGTHS if name in ("pretrain", "classification/train")
    ]
    for name in ("classification/test", "localization/test", "retrieval/test"):
        tested = rows_of(digits.split(name), modality)
        assert len(tested) > 100
        assert not any(tested & rows for rows in training)


def test_noise_is_drawn_for_every_second(digits):
    assert len(rows_of(digits.split("pretrain"), "video")) == 600


def test_everything_follows_from_the_seed(digits, make_digits):
    again, other = make_digits(), make_digits(seed=7)
    for name in ("pretrain", "classification/test", "retrieval/captions"):
        first, same, changed = (whole(source.split(name)) for source in (digits, again, other))
        for modality in first.inputs:
            assert torch.equal(first.inputs[modality].values, same.inputs[modality].values)
            assert not torch.equal(first.inputs[modality].values, changed.inputs[modality].values)


def test_a_split_does_not_depend_on_which_were_opened_before_or_on_their_sizes(digits, make_digits):
    alone = make_digits(("text",), pretrain=13, localization=(9, 40)).split("localization/test")
    assert torch.equal(
        whole(alone).inputs["text"].values, whole(digits.split("localization/test")).inputs["text"].values
    )


def test_only_modalities_of_the_model_are_made(make_digits):
    source = make_digits(("video", "text"))
    assert set(whole(source.split("pretrain")).inputs) == {"video", "text"}
    assert "moments" not in vars(source._studio)
    assert set(source.spaces) == set(MODALITIES)


def test_one_modality_of_a_split(digits):
    batch = digits.split("localization/test").only("video")[[1]]
    assert set(batch.inputs) == set(batch.targets) == {"video"}


def test_splits_travel_to_other_processes(digits):
    split = digits.split("classification/test")
    copy = pickle.loads(pickle.dumps(split))
    assert torch.equal(copy[[5]].inputs["video"].values, split[[5]].inputs["video"].values)


def test_synthetic_clips_have_the_true_shapes_and_follow_their_seed(digits):
    first, same, other = (digits.synthetic(6, seed) for seed in (1, 1, 2))
    for modality, space in digits.spaces.items():
        values = whole(first).inputs[modality].values
        assert values.shape == (6, space.length, *space.shape) and values.dtype == torch.float32
        assert torch.equal(values, whole(same).inputs[modality].values)
        assert not torch.equal(values, whole(other).inputs[modality].values)


def test_widths_are_settings(make_digits):
    source = make_digits(("video", "text"), patches=16, words=8)
    assert source.spaces["video"].shape == (7, 7, 16) and source.spaces["text"].shape == (8,)
    batch = source.split("pretrain")[[0]]
    assert batch.inputs["video"].values.shape == (1, 10, 7, 7, 16)
    assert batch.inputs["text"].values.shape == (1, 10, 8)


def test_the_default_sizes_stay_small():
    source = Digits(Digits.Config(), DataContext(("video", "text")))
    pictures = source.split("pretrain").tracks["video"].pictures
    assert pictures.shape == (2000, 10, 8, 8) and pictures.nbytes < 6e6


def test_an_unknown_split_is_answered_with_the_known_ones(digits):
    with pytest.raises(DataError, match="no split 'validation'") as caught:
        digits.split("validation")
    assert "classification/train" in caught.value.help


def test_fsdd_without_its_folder_says_where_to_get_it(make_digits, tmp_path):
    with pytest.raises(ComponentError, match="fsdd") as caught:
        make_digits(speech="fsdd")
    assert "root" in caught.value.help and "github.com/Jakobovski" in caught.value.help
    source = make_digits(("audio",), speech="fsdd", root=str(tmp_path / "gone"))
    assert "fold 0" in source.origin
    with pytest.raises(DataError, match="gone") as caught:
        source.split("pretrain")
    assert "root" in caught.value.help and "github.com/Jakobovski" in caught.value.help


def test_a_missing_recording_is_named(make_digits, tmp_path):
    (tmp_path / "recordings").mkdir()
    with pytest.raises(DataError, match="0_lucas_0.wav"):
        make_digits(("audio",), speech="fsdd", root=str(tmp_path)).split("pretrain")


@pytest.mark.parametrize(
    "wrong", [{"fold": 3}, {"retrieval": 583}, {"classification": (5,)}, {"localization": (5, 0)}, {"seed": -1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError):
        Digits.Config(**wrong)


def test_every_setting_is_explained():
    assert all(len(field.metadata["help"]) > 10 for field in attrs.fields(Digits.Config))


def test_the_origin_names_speech_images_and_seed(digits):
    assert digits.origin == ("AVT-Digits: speech captcha, load_digits 1160 train / 580 test images, data seed 2026")


def test_fsdd_shows_every_recording_of_the_test_speakers(make_digits, fsdd_root):
    split = make_digits(("audio",), speech="fsdd", root=fsdd_root, fold=1).split("classification/test")
    assert split.tracks["audio"].table.shape == (11 * 100, 128)
    assert whole(split).inputs["audio"].values.isfinite().all()


@pytest.mark.parametrize(("modality", "least"), [("audio", 0.95), ("video", 0.85), ("text", 0.99)])
def test_each_modality_shows_the_digit_after_mean_pooling(make_digits, modality, least):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source = make_digits((modality,), classification=(300, 200))
    pooled = {}
    for role in ("train", "test"):
        batch = whole(source.split(f"classification/{role}"))
        values = batch.inputs[modality].values
        pooled[role] = values.flatten(1, -2).mean(1).numpy(), batch.targets[modality].numpy()
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(*pooled["train"])
    assert np.mean(classifier.predict(pooled["test"][0]) == pooled["test"][1]) > least


def test_some_clips_for_pretraining_lack_a_modality(make_digits, digits):
    """Exactly the stated share; they are the same in every batch, and nothing else changes."""
    partly = make_digits(paired=0.25, lacks="video")
    batch, expected = whole(partly.split("pretrain")), whole(digits.split("pretrain"))
    video, mask = batch.inputs["video"]
    present = mask.all(1)
    assert torch.equal(mask, present[:, None].expand(mask.shape)) and int(present.sum()) == 60 // 4
    assert not video[~present].any() and torch.equal(video[present], expected.inputs["video"].values[present])
    for modality in ("audio", "text"):
        assert torch.equal(batch.inputs[modality].values, expected.inputs[modality].values)
        assert batch.inputs[modality].mask is None
    again = partly.split("pretrain")[[3, 50]].inputs["video"]
    assert torch.equal(again.mask, mask[[3, 50]]) and torch.equal(again.values, video[[3, 50]])
    test = "classification/test"
    assert whole(partly.split(test)).inputs["video"].mask is None
    assert "75% of pretraining without video" in partly.origin and "without" not in digits.origin


def test_clips_cannot_lack_a_modality_that_the_model_has_not(make_digits):
    with pytest.raises(ComponentError, match="cannot lack text"):
        make_digits(("audio", "video"), paired=0.5)
