"""Resampling onto one clock, against a slow twin that looks at every step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from codaar_plugin_files.clock import clock_steps, ratio_of, resampled
from hypothesis import given, settings
from hypothesis import strategies as st

RATES = st.sampled_from([0.5, 1.0, 25.0, 29.97, 1 / 0.96, 50.0, 3.0, 16000 / 15600])


def twin(values: np.ndarray, rate: float, clock: float, rule: str) -> np.ndarray:
    """What the docstring says, step by step in fractions."""
    rate_, clock_ = (Fraction(each).limit_denominator(1_000_000) for each in (rate, clock))
    found = []
    for step in range(10 * len(values) * max(1, round(clock / rate)) + 1):
        middle = (step + Fraction(1, 2)) / clock_
        covering = [i for i in range(len(values)) if Fraction(i) / rate_ <= middle < Fraction(i + 1) / rate_]
        if step and not covering:
            break
        start, end = Fraction(step) / clock_, Fraction(step + 1) / clock_
        inside = [i for i in range(len(values)) if start <= (i + Fraction(1, 2)) / rate_ < end]
        last = covering or [len(values) - 1]
        chosen = inside if rule == "mean" and inside else last
        found.append(np.mean([values[i].astype(np.float64) for i in chosen], axis=0))
    return np.array(found)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), RATES, RATES, st.sampled_from(["nearest", "mean"]))
def test_as_the_slow_twin(steps, rate, clock, rule):
    values = np.random.default_rng(steps).random((steps, 2), np.float32)
    found = resampled(values, ratio_of(rate, clock), rule)
    assert found.dtype == np.float32 and len(found) == clock_steps(steps, ratio_of(rate, clock))
    np.testing.assert_allclose(found, twin(values, rate, clock, rule), rtol=1e-6)


def test_equal_rates_change_nothing():
    values = np.arange(6, dtype=np.float16).reshape(3, 2)
    assert resampled(values, ratio_of(25, 25), "mean") is values


@pytest.mark.parametrize("rule", ["nearest", "mean"])
def test_every_second_shows_its_own_time(rule):
    """Features that are their own time, at four rates, show on a clock of one step a second the same seconds."""
    for rate in (1.0, 2.0, 25.0, 1 / 0.96):
        times = (np.arange(int(10 * rate)) + 0.5) / rate
        shown = resampled(times[:, None], ratio_of(rate, 1), rule)[:, 0]
        np.testing.assert_allclose(shown[:9], np.arange(9) + 0.5, atol=0.5 / rate)


def test_ten_thousand_steps_take_no_loop():
    import time

    values = np.ones((100_000, 4), np.float32)
    start = time.perf_counter()
    assert len(resampled(values, ratio_of(50, 1), "mean")) == 2000
    assert time.perf_counter() - start < 0.5
