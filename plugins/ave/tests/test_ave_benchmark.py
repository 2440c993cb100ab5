"""The two modes of AVE classification."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.metrics import accuracy, macro_precision

from codaar_core.api import ComponentError, Predicted


def test_strict_scores_test_clips_and_picks_the_epoch_on_validation_clips(written, make_benchmark):
    strict = make_benchmark(written)
    sizes = {role: len(strict.split(role, "audio")) for role in ("train", "validation", "test")}
    assert sizes == {"train": 12, "validation": 4, "test": 4}
    assert (strict.selection, strict.dropout, strict.published) == ("validation", False, {})
    assert list(strict.metrics) == ["accuracy", "precision", "recall", "f1"]


def test_as_published_scores_the_training_clips_after_the_last_epoch(written, make_benchmark):
    released = make_benchmark(written, mode="as-published")
    train, test = (released.split(role, "video") for role in ("train", "test"))
    assert list(train.ids) == list(test.ids)
    assert len(test) == 12
    assert (released.selection, released.dropout) == ("last", True)
    assert list(released.metrics) == ["macro_precision", "accuracy"]


def test_the_released_precision_is_a_mean_over_batches_of_256(written, make_benchmark):
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.randint(28, (2, 300), generator=generator)
    scores = make_benchmark(written, mode="as-published").score(None, Predicted(prediction, target))
    parts = [macro_precision(prediction[rows], target[rows]) for rows in (slice(256), slice(256, 300))]
    assert scores["macro_precision"] == pytest.approx((256 * parts[0] + 44 * parts[1]) / 300)
    assert scores["macro_precision"] != pytest.approx(macro_precision(prediction, target), abs=1e-4)
    assert scores["accuracy"] == accuracy(prediction, target)


@pytest.mark.parametrize(
    ("modalities", "pretraining", "numbers"),
    [
        (("audio", "video"), "40k", (0.476, 0.497)),
        (("audio", "video"), "90k", (0.433, 0.494)),
        (("text", "audio", "video"), "40k", (0.523, 0.555)),
        (("text", "audio", "video"), "90k", (0.508, 0.519)),
    ],
)
def test_published_numbers_follow_the_pretraining(make_benchmark, modalities, pretraining, numbers):
    benchmark = make_benchmark(None, "as-published", modalities, pretraining=pretraining)
    keys = ("video->audio/macro_precision", "audio->video/macro_precision")
    assert benchmark.published == dict(zip(keys, numbers, strict=True))
    assert make_benchmark(None, "as-published", modalities, pretraining="other").published == {}


def test_text_is_no_part_of_it_and_sound_and_frames_are_needed(make_benchmark):
    assert set(make_benchmark(None, modalities=("text", "video", "audio")).transfers()) == {
        ("audio", "video"),
        ("video", "audio"),
    }
    with pytest.raises(ComponentError, match="no 'video'"):
        make_benchmark(None, modalities=("text", "audio"))


def test_features_made_otherwise_are_named(make_benchmark):
    assert make_benchmark(None).extraction == {"audio": "vggish-relu", "video": "keras-vgg19-pool5"}
    assert make_benchmark(None, video_made_by="torchvision-vgg19").extraction["video"] == "torchvision-vgg19"
