"""Predictors that ignore the input."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.labels import ClipLabels, SegmentLabels

SHAPES = {ClipLabels: (6,), SegmentLabels: (6, 10, 3)}


def benchmark(kind):
    class Labelled(kind):
        classes = ("cat", "dog", "background")
        metrics = {}

        def __init__(self):
            pass

        def split(self, role, modality):
            raise NotImplementedError

    return Labelled()


def test_constants_are_each_class_for_every_clip():
    given = list(benchmark(ClipLabels).constants(torch.zeros(6, dtype=torch.long)))
    assert [each.tolist() for each in given] == [[0] * 6, [1] * 6, [2] * 6]
    given = list(benchmark(SegmentLabels).constants(torch.zeros(6, 10, 3)))
    for index, each in enumerate(given):
        assert torch.equal(each, torch.eye(3)[index].expand(6, 10, 3))


@pytest.mark.parametrize("kind", SHAPES)
def test_guesses_follow_their_generator_and_have_the_shape_of_targets(kind):
    target = torch.zeros(SHAPES[kind], dtype=torch.long if kind is ClipLabels else torch.float32)
    first, same, other = (benchmark(kind).guess(target, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == target.shape
    assert first.dtype == target.dtype
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_guess_names_one_class_a_second():
    guess = benchmark(SegmentLabels).guess(torch.zeros(6, 10, 3), torch.Generator().manual_seed(0))
    assert (guess.sum(-1) == 1).all()
    assert (guess.sum((0, 1)) > 0).all()
