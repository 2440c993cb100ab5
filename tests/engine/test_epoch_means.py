"""Means of an epoch: of the steps that did not fail, and the same after an interruption."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.engine.training.epoch_means import EpochMeans

CPU = torch.device("cpu")
numbers = st.floats(-1e3, 1e3, width=32)


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, 20))
def test_they_are_those_of_the_numbers_wherever_they_were_saved(values, saved):
    means = EpochMeans()
    for step, value in enumerate(values):
        if step == saved:
            kept, means = means.state, EpochMeans()
            means.load({name: tensor.clone() for name, tensor in kept.items()}, CPU)
        means.add({"total": torch.tensor(value, dtype=torch.double)}, failed=torch.zeros(()))
    assert means.take() == {"total": pytest.approx(sum(values) / len(values))}
    assert means.state == {}


def test_steps_that_failed_do_not_count():
    means = EpochMeans()
    for value, failed in ((1.0, 0.0), (3.0, 0.0), (torch.nan, 1.0), (5.0, 1.0)):
        means.add({"total": torch.tensor(value)}, torch.tensor(failed))
    assert means.take() == {"total": 2.0}
