"""docs/fidelity.md equals what its generator writes, and the generator refuses wrong values and missing tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def fidelity():
    spec = importlib.util.spec_from_file_location("make_fidelity", DOCS / "make_fidelity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(fidelity):
    assert fidelity.PAGE.read_text("utf-8") == fidelity.page(), "run python docs/make_fidelity.py"


def test_all_differences_are_there(fidelity):
    assert "differ in 39 places" in fidelity.page()


def test_a_wrong_value_is_noticed(fidelity):
    with pytest.raises(ValueError, match="quantizer.counts is 'plain', docs/fidelity.toml says 'smoothed'"):
        fidelity.check_value("paper/avt.toml", "quantizer.counts", "smoothed")


def test_a_wrong_value_of_an_open_question_is_noticed(fidelity):
    entry = {"question": "?", "text": "-", "chosen": "-", "settings": [["losses.cpc.reduction", "mean"]]}
    with pytest.raises(ValueError, match="reduction is 'mean-of-directions', docs/fidelity.toml says 'mean'"):
        fidelity.open_line(entry)


def test_a_missing_test_is_noticed(fidelity):
    with pytest.raises(ValueError, match="has no test test_nothing"):
        fidelity.check_test("tests/docs/test_fidelity.py::test_nothing")


SCORED = """
[[run]]
mode = "paper"
difference = ""
seed = {seed}
scores.naming = {{ metric = "F1", mean = {mean}, chance = 0.1, constant = 0.2 }}
"""
FAILED = """
[[run]]
mode = "paper"
difference = "CSA"
seed = 43
failed = "not finite"
"""
RUNS = SCORED.format(seed=43, mean=0.5) + SCORED.format(seed=44, mean=0.6) + FAILED


def test_measured_results_are_optional(fidelity, tmp_path):
    fidelity.MEASURED = tmp_path / "measured.toml"
    assert fidelity.measured() == ""
    fidelity.MEASURED.write_text(RUNS)
    table, _, conclusion = fidelity.measured().removeprefix(fidelity.MEASURED_HEAD).partition(fidelity.MATTERS)
    _, _, *rows = table.splitlines()
    assert rows == [
        "|  | *no model* |  | 20.0 |",
        "| paper | 250 steps | 43, 44 | 55.0 ± 7.1 |",
        "| paper | CSA | 43 | failed: not finite |",
    ]
    assert conclusion == "- naming: none.\n"


@pytest.mark.parametrize(("means", "said"), [((0.1, 0.2), True), ((0.1, 0.4), False)])
def test_a_recipe_below_a_guess_is_named(fidelity, means, said):
    runs = [{"scores": {"naming": {"mean": mean, "chance": 0.1, "constant": 0.2}}} for mean in means]
    found = fidelity.no_better_than_a_guess({("paper", ""): runs})
    assert found == (
        "\nOn naming, paper is no better than a prediction without a model after 250 steps.\n" if said else ""
    )


@pytest.mark.parametrize(("mean", "listed"), [(0.3, ["in paper, CSA as published -25.0"]), (0.5, [])])
def test_differences_beyond_the_spread_of_seeds_are_named(fidelity, mean, listed):
    runs = [{"scores": {"naming": {"mean": each}}} for each in (0.5, 0.6, mean)]
    arms = {("paper", ""): runs[:2], ("paper", "CSA"): runs[2:]}
    assert fidelity.moving(arms, "naming") == listed
