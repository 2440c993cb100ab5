"""Results and models show themselves as tables in notebooks: all scores, texts escaped, no colours of their own."""

from __future__ import annotations

import re

import attrs
import pytest
from sample_results import sample_results, score, with_scores
from toy_run import toy_plan, toy_session

from codaar_core.engine import TrainedModel

HOSTILE = "<script>alert(1)</script>&\x1b[31m"


def cells(html: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def test_every_first_metric_has_a_row():
    results = sample_results()
    head, *rows = cells(results._repr_html_())
    shown = [each for each in results.transfers if each.headline]
    assert len(head) == 5 and len(rows) == len(shown)
    for row, each in zip(rows, shown, strict=True):
        assert row[0] == f"{each.benchmark}, {each.train} → {each.test}"
        assert row[2:4] == [f"{100 * each.mean:.1f} ± {100 * each.std:.1f}", f"{100 * each.chance:.1f}"]
    assert "not in a mean: a word spells its label" in results._repr_html_()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mean": 1234.5678, "unit": "N", "higher_is_better": False}, ["accuracy, N, lower is better", "1.23e+03"]),
        ({"mean": None}, ["accuracy, %", "–"]),
        ({"mean": float("nan")}, ["accuracy, %", "–"]),
    ],
)
def test_numbers_are_shown_in_their_unit(changes, expected):
    results = sample_results(transfers=(score(**changes),))
    assert cells(results._repr_html_())[1][1:3] == expected


def test_text_is_escaped_and_has_no_colour():
    results = with_scores(
        sample_results(), benchmark=HOSTILE, train=HOSTILE, metric=HOSTILE, caveat=HOSTILE, unit=HOSTILE
    )
    html = attrs.evolve(results, name=HOSTILE, data=HOSTILE, directory=HOSTILE)._repr_html_()
    assert "<script" not in html and "\x1b" not in html
    assert set(re.findall(r"(?:color|background)[^:]*: ([^;\"]+)", html)) == {"inherit"}


def test_a_model_shows_what_it_takes(tmp_path):
    with toy_session(toy_plan(tmp_path), tmp_path / "run") as session:
        html = TrainedModel(session.model)._repr_html_()
    assert cells(html)[1:] == [["north", "8", "any"], ["east", "8", "any"]]
    assert "16 codewords of 8 values in each codebook" in html and "float32, on cpu" in html
