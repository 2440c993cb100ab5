"""The curves of a sweep, from given results."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest
from sample_results import sample_results, score
from toy_run import toy_recipe

from codaar_core import load_sweep
from codaar_core.api import CodaarError
from codaar_core.cli.verbs.sweep import draw
from codaar_core.recipe.sweep import Sweep
from codaar_core.sweep.page import as_page, as_svg
from codaar_core.sweep.plot import line_of, plot
from codaar_core.sweep.running import Measured

SWEEP = """
extends = ["recipe.toml"]

[run]
name = "curves"

[evaluate]
on = ["judge"]

[bench.judge]
use = "local:toy-task"
head = { use = "local:toy-head" }

[sweep]
title = "Learning rates & <codes>"
plot = "optimizer.lr"

[sweep.columns]
hits = "judge/north->south/accuracy"
"loss <b>" = "pretraining/unknown"

[sweep.arms]
one-low = {optimizer.lr = 0.01}
one-high = {optimizer.lr = 0.04}
one-middle = {optimizer.lr = 0.02}
two-low = {optimizer.lr = 0.01}
two-high = {optimizer.lr = 0.04}

[sweep.published]
one-low = [40.0, ""]
"""
HITS = {"one-low": (0.25, 0.75), "one-middle": (0.5,), "one-high": (0.75,), "two-low": (0.3,), "two-high": ()}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Sweep:
    folder = tmp_path_factory.mktemp("curves")
    toy_recipe(folder)
    (folder / "sweep.toml").write_text(SWEEP, "utf-8")
    return load_sweep(folder / "sweep.toml")


@pytest.fixture(scope="module")
def measured(sweep) -> list[Measured]:
    runs = {arm: [sample_results(transfers=(score(mean=each),)) for each in hits] for arm, hits in HITS.items()}
    return [Measured(arm.name, tuple(runs[arm.name])) for arm in sweep.arms]


def test_a_panel_has_a_line_per_group_of_arms_in_the_order_of_the_setting(sweep, measured):
    drawn = plot(sweep, measured)
    assert [key.name for key in drawn.keys] == ["one", "two"]
    assert len({(key.hue, key.dash) for key in drawn.keys}) == 2
    hits = drawn.panels[0]
    one, two = hits.lines
    assert hits.title == "hits, %"
    assert [tick.label for tick in hits.x_ticks] == ["0.01", "0.02", "0.04"]
    assert [across for across, _ in one.dots] == [tick.position for tick in hits.x_ticks]
    (_, low), (_, middle), (_, high) = one.dots
    assert low == middle > high, "means 50, 50 and 75: upwards is less in an SVG"
    assert len(two.dots) == 1, "an arm without results has no point"
    assert hits.description == "hits, %: one 50 at 0.01, 50 at 0.02, 75 at 0.04; two 30 at 0.01, – at 0.04"


def test_the_band_is_one_standard_deviation_around_the_mean(sweep, measured):
    one, two = plot(sweep, measured).panels[0].lines
    corners = [tuple(map(float, corner.split(","))) for corner in one.band.split()]
    ups, dots = [up for _, up in corners], [up for _, up in one.dots]
    assert ups[1:5] == pytest.approx([dots[1], dots[2], dots[2], dots[1]], abs=0.06), "of one run: no width"
    assert ups[0] < dots[0] < ups[5] and ups[0] + ups[5] == pytest.approx(2 * dots[0], abs=0.11)
    assert not two.band


def test_published_values_stand_at_the_setting_of_their_arm(sweep, measured):
    one, two = plot(sweep, measured).panels[0].lines
    assert [across for across, _ in one.published] == [one.dots[0][0]] and not two.published
    assert one.published[0][1] > one.dots[0][1], "40 is below 50"


def test_columns_without_numbers_are_left_out(sweep, measured):
    assert [panel.title for panel in plot(sweep, measured).panels] == ["hits, %"]
    nothing = attrs.evolve(sweep, published={})
    assert plot(nothing, []).panels == []


def test_a_single_line_needs_no_key(sweep, measured):
    alone = attrs.evolve(sweep, arms=sweep.arms[:3])
    drawn = plot(alone, measured)
    assert drawn.keys == [] and len(drawn.panels[0].lines) == 1


@pytest.mark.parametrize(("arm", "line"), [("av-k128", "av"), ("a-b-c", "a-b"), ("k128", "")])
def test_the_line_of_an_arm(arm, line):
    assert line_of(arm) == line


def test_without_a_setting_those_that_fit_are_named(sweep):
    with pytest.raises(CodaarError, match='has no "plot"') as caught:
        plot(attrs.evolve(sweep, plot=""), [])
    assert caught.value.help == "give `-o sweep.plot=optimizer.lr`"


@pytest.mark.parametrize(("path", "what"), [("run.name", "which is not a number"), ("quantizer.kodes", "not given")])
def test_the_setting_must_be_a_number_in_every_arm(sweep, path, what):
    with pytest.raises(CodaarError, match=f"no plot over {path}: in the arm one-low, it is .*{what}"):
        plot(attrs.evolve(sweep, plot=path), [])


def test_the_picture_and_the_page_are_whole_and_escaped(sweep, measured):
    drawn = plot(sweep, measured)
    picture = ElementTree.fromstring(as_svg(sweep, drawn))
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "Learning rates & <codes>" in words and {"one", "two", "hits, %", "optimizer.lr"} <= set(words)
    page = as_page(sweep, measured, drawn)
    assert "<codes>" not in page and "Learning rates &amp; &lt;codes&gt;" in page and "loss <b>" not in page
    assert page.count("<polyline") == 2 and "50.0 ± 35.4" in page
    assert not re.search(r'(src|href)="?http', page)


def test_the_verb_writes_both_or_says_that_there_is_nothing(sweep, measured, tmp_path, capsys):
    here = attrs.evolve(sweep, directory=tmp_path)
    draw(here, measured, plot(here, measured))
    assert capsys.readouterr().out == f"plot: {tmp_path / 'sweep.html'}, {tmp_path / 'plot.svg'}\n"
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["plot.svg", "sweep.html"]
    nothing = attrs.evolve(here, published={})
    draw(nothing, [], plot(nothing, []))
    assert capsys.readouterr().out == "plot: nothing to draw, no run is finished\n"
    misspelt = attrs.evolve(nothing, columns={"hits": "jugde/north->south/accuracy"})
    draw(misspelt, measured, plot(misspelt, measured))
    assert capsys.readouterr().out == "plot: nothing to draw, no finished run has a number in any of the columns\n"
