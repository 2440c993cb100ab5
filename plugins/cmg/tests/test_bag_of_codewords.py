"""The bag of codewords against counting by hand."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from codaar_plugin_cmg.bag_of_codewords import BagOfCodewords
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import ComponentError, HeadContext, Quantized, Space

SIZE = 6


def head(count: str) -> BagOfCodewords:
    context = HeadContext(Space((4,)), Space((2,)), (), quantizer=SimpleNamespace(size=SIZE))
    return BagOfCodewords(BagOfCodewords.Config(count=count), context)


@pytest.mark.parametrize("count", ["once", "steps"])
@given(
    clips=st.lists(st.lists(st.tuples(st.integers(0, SIZE - 1), st.booleans()), min_size=4, max_size=4), min_size=1),
    levels=st.sampled_from([None, 2]),
)
def test_counts_are_those_of_real_steps(count, clips, levels):
    indices = torch.tensor([[index for index, _ in clip] for clip in clips])
    mask = torch.tensor([[real for _, real in clip] for clip in clips])
    if levels:
        indices = torch.stack([indices, (indices + 1) % SIZE], dim=-1)
    codes = torch.zeros(*indices.shape[:2], 4)
    bags = head(count)(Quantized(indices, codes[..., :2], codes, mask=mask))
    for clip, bag in zip(clips, bags, strict=True):
        used = Counter(index for index, real in clip if real)
        if levels:
            used += Counter((index + 1) % SIZE for index, real in clip if real)
        expected = [min(used[index], 1) if count == "once" else used[index] for index in range(SIZE)]
        assert bag.tolist() == expected


def test_without_a_quantizer_there_is_nothing_to_count():
    with pytest.raises(ComponentError, match="needs the quantizer"):
        BagOfCodewords(BagOfCodewords.Config(), HeadContext(Space((4,)), Space((2,)), ()))
