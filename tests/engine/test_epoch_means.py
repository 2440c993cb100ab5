"""Epoch means: failed steps do not count, and saving and loading in between changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.engine.training.epoch_means import EpochMeans

CPU = torch.device("cpu")
numbers = st.floats(-1e3, 1e3, width=32)


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, 20))
def test_means_are_exact_wherever_the_state_was_saved(values, saved):
    means = EpochMeans()
    for step, value in enumerate(values):
        if step == saved:
            kept, means = means.state, EpochMeans()
            means.load({name: tensor.clone() for name, tensor in kept.items()}, CPU)
        means.add({"total": torch.tensor(value, dtype=torch.double)}, failed=torch.zeros(()))
    assert means.finish_epoch() == {"total": pytest.approx(sum(values) / len(values))}
    assert means.state == {}


def test_failed_steps_do_not_count():
    means = EpochMeans()
    for value, failed in ((1.0, 0.0), (3.0, 0.0), (torch.nan, 1.0), (5.0, 1.0)):
        means.add({"total": torch.tensor(value)}, torch.tensor(failed))
    assert means.finish_epoch() == {"total": 2.0}
