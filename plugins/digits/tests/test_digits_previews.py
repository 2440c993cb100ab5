"""Previews show the digit that the label says, as the features were made from it."""

from __future__ import annotations

import io
import pickle
import wave

import numpy as np
import pytest
import torch
from codaar_plugin_digits.previews import GAIN
from codaar_plugin_digits.spectrum import RATE, coefficients
from codaar_plugin_digits.timelines import BACKGROUND
from codaar_plugin_digits.words import DIGITS

from codaar_core.api import Picture, Sound, Words

NAMES = (*DIGITS, "without")


@pytest.fixture(scope="module")
def split(digits):
    return digits.split("localization/test")


def test_every_second_is_shown_as_its_label_says(split):
    targets = split[range(len(split))].targets
    for clip in range(5):
        for second in range(10):
            for modality, kind in (("audio", Sound), ("video", Picture), ("text", Words)):
                event = int(targets[modality][clip, second].argmax())
                shown = split.preview(clip, modality, second)
                assert type(shown) is kind
                said = shown.words if kind is Words else shown.alt
                assert ("nothing" if kind is Words and event == BACKGROUND else NAMES[event]) in said


def test_a_sound_is_the_one_that_its_features_were_made_from(digits, split):
    mean, deviation = digits._studio.moments
    features = split[range(12)].inputs["audio"].values * deviation + mean
    alike = []
    for clip in range(12):
        with wave.open(io.BytesIO(split.preview(clip, "audio", 0).content)) as sound:
            assert (sound.getframerate(), sound.getnframes()) == (RATE, RATE)
            samples = np.frombuffer(sound.readframes(RATE), np.uint8)
        heard = coefficients(torch.from_numpy((samples.astype(np.float32) - 128) / 127 / GAIN)[None])[0]
        alike.append(float(torch.corrcoef(torch.stack([heard, features[clip, 0]]))[0, 1]))
    assert min(alike) > 0.9


def test_there_is_nothing_to_show_outside_of_a_clip_or_of_synthetic_clips(digits, split):
    assert split.preview(0, "video", 10) is None and split.preview(0, "touch", 0) is None
    assert split.only("audio").preview(0, "video", 0) is None
    assert digits.synthetic(3, 0).preview(0, "video", 0) is None


def test_captions_are_shown_word_by_word(digits):
    captions = digits.split("retrieval/captions")
    shown = [captions.preview(2, "text", second) for second in range(10)]
    words = [each.words for each in shown if each is not None]
    assert words[:2] == ["someone", "says"] and words[-2] == "and"
    assert all(each is None for each in shown[len(words) :])


def test_a_split_with_previews_is_pickled_without_its_sounds(split):
    before = split.preview(3, "audio", 4)
    packed = pickle.dumps(split)
    assert len(packed) < 3_000_000
    assert pickle.loads(packed).preview(3, "audio", 4) == before
