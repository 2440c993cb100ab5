from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.report.numerals import NONE, difference, duration, mean, percent, significant, spread, weight

NOTHING = (None, math.nan, math.inf, -math.inf)


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_is_no_number_is_a_dash(nothing):
    assert {percent(nothing), significant(nothing), weight(nothing), spread(nothing, nothing)} == {NONE}
    assert difference(nothing, 0.5) == difference(0.5, nothing) == NONE


@given(st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_percent_rounds_to_one_decimal(value):
    assert abs(float(percent(value)) - 100 * value) <= 0.0500001


def test_a_mean_without_deviation_stands_alone():
    assert spread(0.931, 0.0123) == "93.1 ± 1.2"
    assert spread(0.931, None) == spread(0.931, math.nan) == "93.1"


def test_difference_carries_its_sign():
    assert difference(0.9, 0.5) == "+40.0"
    assert difference(0.5, 0.9) == "−40.0"


@pytest.mark.parametrize(
    "seconds, text", [(8.12, "8.12 s"), (108.3, "1 min 48 s"), (59.99, "1 min 00 s"), (7503, "2 h 05 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "value, text",
    [(0.148148149, "4/27"), (0.6, "0.6"), (0.0, "0"), (1.0, "1"), (0.3333333433, "1/3"), (0.12345, "0.123")],
)
def test_weights_are_short_decimals_or_fractions(value, text):
    assert weight(value) == text


@pytest.mark.parametrize("value, text", [(0.04101, "0.041"), (1234567.0, "1,234,567"), (-2.5, "−2.5"), (0.0, "0")])
def test_three_significant_digits(value, text):
    assert significant(value) == text


def test_a_mean_hides_no_missing_number():
    assert mean([0.25, 0.75]) == 0.5
    assert mean([]) is mean([0.5, None]) is mean([0.5, math.nan]) is None
