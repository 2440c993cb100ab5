"""Benchmark clips seen in pretraining are counted, and dropped if the recipe says so."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import Batch, CodaarError, Features, Split
from codaar_core.engine.evaluation.seen_clips import SeenClips

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
    seen_clips = SeenClips(pretrained, drop=True)
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
    }
    assert seen_clips.record() == ([expected] if pretrained else [])


def test_kept_clips_are_counted_once():
    seen_clips, split = SeenClips(["a", "b"], drop=False), Named(["b", "c", "c"])
    for _ in range(2):
        assert seen_clips.filtered(split, "bench", "train", "m") is split
    assert [each["seen"] for each in seen_clips.record()] == [1]


def test_splits_without_names_are_not_compared():
    split = Named(["a"], anonymous=True)
    assert SeenClips(["a"], drop=True).filtered(split, "bench", "test", "m") is split
    named, nothing_pretrained = Named(["a"]), SeenClips(None, drop=True)
    assert nothing_pretrained.filtered(named, "bench", "test", "m") is named
    assert nothing_pretrained.record() == []


def test_file_defects_are_recorded():
    class Odd(Named):
        notes = ("46 x repeated id", "1 x empty event")

    seen_clips = SeenClips(None, drop=False)
    seen_clips.record_warnings(Odd(["a"]), "bench", "train", "m")
    assert seen_clips.notes == ["bench, train, m: 46 x repeated id", "bench, train, m: 1 x empty event"]
