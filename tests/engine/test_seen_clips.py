"""Benchmark clips seen in pretraining are counted, and dropped if the recipe says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import Batch, CodaarError, Features, Split, Transfer
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import BenchmarkRun
from codaar_core.engine.record.pretraining_clips import RecordingHashes

NAMES = st.lists(st.sampled_from("abcdefgh"), max_size=12)


class Named(Split):
    def __init__(self, names, anonymous=False):
        self.names, self.anonymous = names, anonymous

    def __len__(self):
        return len(self.names)

    def __getitem__(self, indices):
        values = torch.tensor([[[float(ord(self.names[index]))]] for index in indices])
        return Batch({"m": Features(values)}, {"m": values[:, 0, 0]})

    @property
    def ids(self):
        return None if self.anonymous else self.names

    def given(self, indices):
        return torch.tensor([[float(ord(self.names[index]))] for index in indices])


@given(pretrained=NAMES, names=NAMES.filter(bool))
def test_unseen_clips_remain(pretrained, names):
    seen_clips = SeenClips(RecordingHashes.of(pretrained), drop=True)
    unseen = [name for name in names if name not in pretrained]
    if not unseen:
        with pytest.raises(CodaarError, match="every clip of bench, test, m was seen"):
            seen_clips.filtered(Named(names), "bench", "test", "m")
        return
    split = seen_clips.filtered(Named(names), "bench", "test", "m")
    assert list(split.ids) == unseen
    rows = range(len(split))
    codes = [float(ord(name)) for name in unseen]
    assert split[rows].targets["m"].tolist() == codes
    assert split.given(rows)[:, 0].tolist() == codes
    seen = len(names) - len(unseen)
    expected = {
        "benchmark": "bench",
        "role": "test",
        "modality": "m",
        "clips": len(names),
        "seen": seen,
        "dropped": True,
        "used_in": "pretraining",
    }
    assert seen_clips.record() == ([expected] if pretrained else [])


def test_kept_clips_are_counted_once():
    seen_clips, split = SeenClips(RecordingHashes.of(["a", "b"]), drop=False), Named(["b", "c", "c"])
    for _ in range(2):
        assert seen_clips.filtered(split, "bench", "train", "m") is split
    assert [each["seen"] for each in seen_clips.record()] == [1]


@pytest.mark.parametrize("drop", [False, True])
def test_clips_of_training_recordings_are_counted_and_dropped_on_request(drop):
    seen_clips = SeenClips(RecordingHashes.of(["b"]), drop=False)
    seen_clips.add_training("bench", "m", ["b", "c"], drop)
    test = seen_clips.filtered(Named(["a", "b", "c", "d"]), "bench", "test", "m")
    assert list(test.ids) == (["a", "d"] if drop else ["a", "b", "c", "d"])
    training, other = Named(["b", "c"]), Named(["c"])
    assert seen_clips.filtered(training, "bench", "train", "m") is training, (
        "a head may be trained on its training clips"
    )
    assert seen_clips.filtered(other, "bench", "test", "another modality") is other
    assert seen_clips.filtered(other, "another", "test", "m") is other
    counts = [(each["used_in"], each["role"], each["seen"], each["dropped"]) for each in seen_clips.record()]
    assert counts[:2] == [("pretraining", "test", 1, False), ("training", "test", 2, drop)]
    assert {used_in for used_in, *_ in counts[2:]} == {"pretraining"}


def test_a_split_of_training_recordings_only_cannot_be_dropped():
    seen_clips = SeenClips(RecordingHashes.of(None), drop=False)
    seen_clips.add_training("bench", "m", ["a", "b"], drop=True)
    with pytest.raises(CodaarError, match="every clip of bench, validation, m was seen in training") as caught:
        seen_clips.filtered(Named(["a", "b"]), "bench", "validation", "m")
    assert "evaluate.repeated" in caught.value.help


@pytest.mark.parametrize("trainable", [True, False])
def test_test_clips_are_compared_with_training_clips_of_transfers_to_them(trainable):
    """Heads tested on the modality v are trained on a; the training clips of v belong to the upper bound."""
    clips = {("train", "a"): "xy", ("train", "v"): "vw", ("test", "a"): "vx", ("test", "v"): "xyv"}
    benchmark = SimpleNamespace(
        transfers=lambda: [Transfer("a", "v"), Transfer("v", "a")],
    )
    splits = {place: Named([*names]) for place, names in clips.items() if trainable or place[0] == "test"}
    plan = SimpleNamespace(evaluate=SimpleNamespace(repeated="keep"))
    seen_clips, bench = SeenClips(RecordingHashes.of(None), drop=False), SimpleNamespace(name="bench", packed="")
    BenchmarkRun(SimpleNamespace(plan=plan), bench, benchmark, seen_clips, trainable).compare_with_training(splits)
    for place, split in splits.items():
        seen_clips.filtered(split, "bench", *place)
    found = {(each["role"], each["modality"]): (each["seen"], each["clips"]) for each in seen_clips.record()}
    assert found == ({("test", "a"): (1, 2), ("test", "v"): (2, 3)} if trainable else {})


def test_splits_without_names_are_not_compared():
    split = Named(["a"], anonymous=True)
    assert SeenClips(RecordingHashes.of(["a"]), drop=True).filtered(split, "bench", "test", "m") is split
    named, nothing_pretrained = Named(["a"]), SeenClips(RecordingHashes.of(None), drop=True)
    assert nothing_pretrained.filtered(named, "bench", "test", "m") is named
    assert nothing_pretrained.record() == []


def test_file_defects_are_recorded():
    class Odd(Named):
        notes = ("46 x repeated id", "1 x empty event")

    seen_clips = SeenClips(RecordingHashes.of(None), drop=False)
    seen_clips.record_warnings(Odd(["a"]), "bench", "train", "m")
    assert seen_clips.notes == ["bench, train, m: 46 x repeated id", "bench, train, m: 1 x empty event"]
