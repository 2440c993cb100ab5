"""Clips of a benchmark that pretraining has seen are counted, and dropped where the recipe says so."""

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
def test_what_is_left_is_what_pretraining_has_not_seen(pretrained, names):
    overlap = SeenClips(pretrained, drop=True)
    unseen = [name for name in names if name not in pretrained]
    if not unseen:
        with pytest.raises(CodaarError, match="every clip of bench, test, m was seen"):
            overlap.checked(Named(names), "bench", "test", "m")
        return
    split = overlap.checked(Named(names), "bench", "test", "m")
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
    assert overlap.record() == ([expected] if pretrained else [])


def test_what_is_kept_is_still_counted_and_only_once():
    overlap, split = SeenClips(["a", "b"], drop=False), Named(["b", "c", "c"])
    for _ in range(2):
        assert overlap.checked(split, "bench", "train", "m") is split
    assert [each["seen"] for each in overlap.record()] == [1]


def test_without_names_there_is_nothing_to_compare():
    split = Named(["a"], anonymous=True)
    assert SeenClips(["a"], drop=True).checked(split, "bench", "test", "m") is split
    named, nothing_pretrained = Named(["a"]), SeenClips(None, drop=True)
    assert nothing_pretrained.checked(named, "bench", "test", "m") is named
    assert nothing_pretrained.record() == []


def test_what_is_odd_about_files_is_taken_down():
    class Odd(Named):
        notes = ("46 x repeated id", "1 x empty event")

    overlap = SeenClips(None, drop=False)
    overlap.record_warnings(Odd(["a"]), "bench", "train", "m")
    assert overlap.notes == ["bench, train, m: 46 x repeated id", "bench, train, m: 1 x empty event"]
