from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codaar_core.engine.results import Curves, Pretraining
from codaar_core.report.axes import linear_axis, log_axis
from codaar_core.report.curves import BOTTOM, LEFT, RIGHT, TOP, codebook_panels, panels

finite = st.floats(-1e9, 1e9)


def positions(line) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for path in line.paths for point in path.split()]


def test_one_panel_a_quantity_and_one_line_a_name():
    used, total = panels([1, 2], {"used.a": [1, 2], "used.b": [3, 4], "total": [5, 6]}, order=["b"])
    assert (used.title, total.title) == ("codewords in use", "total loss")
    assert [(line.name, line.hue, line.last) for line in used.lines] == [("a", 2, "2"), ("b", 1, "4")]
    assert [(line.name, line.hue, line.last) for line in total.lines] == [("", 0, "6")]
    assert used.description == "codewords in use, steps 1 to 2: a from 1 to 2; b from 3 to 4"


def test_values_rise_upwards_and_steps_go_to_the_right():
    (panel,) = panels([0, 50, 100], {"total": [0.0, 1.0, 2.0]}, order=[])
    (first, middle, last) = positions(panel.lines[0])
    assert (first[0], middle[0], last[0]) == (LEFT, (LEFT + RIGHT) / 2, RIGHT)
    assert BOTTOM > first[1] > middle[1] > last[1] > TOP
    assert middle[1] == pytest.approx((TOP + BOTTOM) / 2, abs=0.1)


def test_a_missing_value_interrupts_a_line():
    (panel,) = panels([1, 2, 3, 4, 5, 6], {"total": [1.0, 2.0, None, 3.0, math.nan, 4.0]}, order=[])
    (line,) = panel.lines
    assert len(line.paths) == 1 and len(line.paths[0].split()) == 2 and len(line.dots) == 2
    assert line.last == "4"


def test_a_single_logged_step_is_a_dot():
    (panel,) = panels([10], {"total": [1.0]}, order=[])
    assert panel.lines[0].paths == [] and len(panel.lines[0].dots) == 1


def test_without_any_value_a_panel_is_empty():
    (panel,) = panels([1, 2], {"total": [None, math.inf]}, order=[])
    assert panel.lines[0].paths == [] == panel.lines[0].dots and panel.lines[0].last == "–"


def test_a_steep_positive_quantity_gets_a_logarithmic_scale():
    curves = {"steep": [1000.0, 10.0, 0.1], "flat": [3.0, 2.0, 1.0], "signed": [-1.0, 10.0, 1000.0]}
    assert [panel.logarithmic for panel in panels([1, 2, 3], curves, [])] == [True, False, False]
    assert not any(panel.logarithmic for panel in panels([1, 2, 3], curves, [], log=False))


def test_labels_are_round():
    assert [tick.label for tick in linear_axis(0, 385, 0, 1).ticks] == ["0", "100", "200", "300", "400"]
    assert [tick.label for tick in linear_axis(10, 800, 0, 1, whole=True).ticks] == ["200", "400", "600", "800"]
    assert [tick.label for tick in linear_axis(23.1, 24.3, 0, 1).ticks] == ["23.25", "23.5", "23.75", "24", "24.25"]
    assert [tick.label for tick in linear_axis(-2e-6, 2e-6, 0, 1).ticks] == ["−2e−06", "−1e−06", "0", "1e−06", "2e−06"]
    assert [tick.label for tick in log_axis(0.1, 1000, 0, 1).ticks] == ["0.1", "1", "10", "100", "1,000"]
    assert [tick.label for tick in log_axis(0.02, 2, 0, 1).ticks] == ["0.03", "0.1", "0.3", "1"]


@example(0.0, 5e-324, False)
@example(1.0, math.nextafter(1.0, 2.0), False)
@given(finite, finite, st.booleans())
@settings(deadline=None, max_examples=200)
def test_labelled_values_are_few_distinct_and_inside(one, other, whole):
    low, high = sorted((round(one), round(other)) if whole else (one, other))
    axis = linear_axis(low, high, 0, 100, whole)
    places = [tick.position for tick in axis.ticks]
    assert places == sorted(set(places)) and 1 <= len(places) <= 8
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in places)


@given(st.floats(1e-9, 1e6), st.floats(50, 1e12))
@settings(deadline=None, max_examples=200)
def test_a_logarithmic_axis_has_labels_inside(low, factor):
    places = [tick.position for tick in log_axis(low, low * factor, 0, 100).ticks]
    assert places == sorted(set(places)) and 1 <= len(places) <= 7
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in places)


def test_numbers_of_codebooks_are_those_of_the_last_epoch_of_k():
    curves = Curves(
        step=(10, 20),
        codebooks={"used.north": (3.0, 5.0), "perplexity.north": (2.0, 2.5)},
        agreement={"a-b": (0.1, 0.2)},
    )
    whole = Pretraining(last_epoch={"epoch_used.north": 440.0, "epoch_perplexity.north": 251.5}, codewords=800)
    used, perplexity, agreement = codebook_panels(curves, ("north",), whole)
    assert [panel.lines[0].last for panel in (used, perplexity, agreement)] == ["440 of 800", "252", "0.2"]
    assert used.note == perplexity.note == "numbers: the whole last epoch" and agreement.note == ""
    assert [panel.lines[0].last for panel in codebook_panels(curves, ("north",), Pretraining())] == ["5", "2.5", "0.2"]
