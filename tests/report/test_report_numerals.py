from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.report.numerals import NONE, amount, duration, percent, signed, significant, spread, weight

MISSING = (None, math.nan, math.inf, -math.inf)


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("unit", ["%", "N", ""])
def test_a_missing_number_is_a_dash(missing, unit):
    shown = {percent(missing), significant(missing), weight(missing), amount(missing, unit), signed(missing, unit)}
    assert shown | {spread(missing, missing, unit)} == {NONE}


@given(st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_percent_rounds_to_one_decimal(value):
    assert abs(float(percent(value)) - 100 * value) <= 0.0500001


def test_only_fractions_are_multiplied():
    assert (amount(0.931, "%"), amount(0.931, "N"), amount(-0.5, "")) == ("93.1", "0.931", "−0.5")


def test_a_mean_without_deviation_stands_alone():
    assert spread(0.931, 0.0123, "%") == "93.1 ± 1.2"
    assert spread(0.931, 0.0123, "N") == "0.931 ± 0.0123"
    assert spread(0.931, None, "%") == spread(0.931, math.nan, "%") == "93.1"


def test_a_difference_carries_its_sign():
    assert (signed(0.4, "%"), signed(-0.4, "%")) == ("+40.0", "−40.0")
    assert (signed(0.4, "N"), signed(-0.4, "")) == ("+0.4", "−0.4")


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
