"""The table of a sweep, from given results."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_results import sample_results, score

from codaar_core.engine.results import Pretraining
from codaar_core.recipe.sweep import Sweep
from codaar_core.sweep import as_markdown, rows, with_columns
from codaar_core.sweep.running import Measured

COLUMNS = {
    "force": "reach/touch->sight/RMSE",
    "fit": "reach/touch->sight/R2",
    "hits": "judge/north->south/accuracy",
    "minutes": "pretraining/epoch_minutes",
    "perplexity": "pretraining/perplexity.sight",
}
REACH = {"benchmark": "reach", "train": "touch", "test": "sight"}


def run(rmse: float, hits: float, minutes: float | None = None):
    transfers = (
        score(**REACH, metric="RMSE", unit="N", higher_is_better=False, mean=rmse),
        score(**REACH, metric="R2", unit="", mean=0.75),
        score(mean=hits),
    )
    pretraining = Pretraining(epoch_minutes=minutes, last_epoch={"perplexity.sight": 12.5})
    return sample_results(transfers=transfers, pretraining=pretraining)


@pytest.fixture
def sweep() -> Sweep:
    published = {"aligned": (0.1, None, 55.4, None, None)}
    return Sweep("toys", "Toys", Path("runs/toys"), (), COLUMNS, published)


def test_only_fractions_are_percentages(sweep):
    measured = [Measured("aligned", (run(0.0625, 0.5, 2.0), run(0.1875, 0.75, None))), Measured("missing", ())]
    published, aligned, missing = rows(sweep, measured)
    assert published.cells == ("0.1", "–", "55.4", "–", "–")
    assert aligned.cells == ("0.125 ± 0.0884", "0.75 ± 0", "62.5 ± 17.7", "2.0", "12.5 ± 0.0")
    assert missing.cells == ("–",) * 5 and "0 runs" in missing.name


def test_the_note_names_units_and_directions(sweep):
    note = as_markdown(sweep, [Measured("aligned", (run(0.1, 0.5),))]).splitlines()[-1]
    assert note == (
        "mode: strict; transfers in %, force in N (lower is better), fit without unit; "
        "mean ± standard deviation over pretraining seeds"
    )
    plain = Sweep("toys", "Toys", Path("runs/toys"), (), {"hits": COLUMNS["hits"]}, {})
    assert "; transfers in %; mean" in as_markdown(plain, [Measured("aligned", (run(0.1, 0.5),))])
    assert "mode" not in as_markdown(plain, [Measured("aligned", ())])


def test_without_columns_the_first_metric_of_every_measured_transfer_is_one():
    plain = Sweep("toys", "Toys", Path("runs/toys"), (), {}, {})
    second = score(mean=0.25, metric="precision", headline=False)
    results = sample_results(transfers=(*run(0.125, 0.5).transfers, second))
    measured = [Measured("waiting", ()), Measured("aligned", (results,))]
    chosen = with_columns(plain, measured)
    assert chosen.columns["judge north → south"] == "judge/north->south/accuracy"
    assert not any("precision" in column for column in chosen.columns.values())
    assert "50.0" in rows(chosen, measured)[1].cells
    named = Sweep("toys", "Toys", Path("runs/toys"), (), COLUMNS, {})
    assert with_columns(named, measured) is named


def test_headings_and_names_stay_in_their_cells():
    sweep = Sweep("toys", "To\nys\x1b[2J", Path("runs/toys"), (), {"a | b\n": COLUMNS["hits"]}, {"x|y": (1.0,)})
    title, _, head, *_, row = as_markdown(sweep, []).splitlines()
    assert title == "## To ys\N{REPLACEMENT CHARACTER}[2J"
    assert head == "|  | a \\| b |" and row == "| x\\|y (published) | 1.0 |"


def test_a_missing_number_is_a_dash(sweep):
    (row,) = [each for each in rows(sweep, [Measured("aligned", (run(float("nan"), float("nan")),))]) if each.measured]
    assert row.cells == ("–", "0.75", "–", "–", "12.5")


def test_a_collapse_is_told_below_the_table(sweep):
    collapsed = sample_results(transfers=(score(mean=0.1, constant=0.1),))
    written = as_markdown(sweep, [Measured("aligned", (run(0.1, 0.5),)), Measured("other", (collapsed, collapsed))])
    (line,) = [line for line in written.splitlines() if line.startswith("- ")]
    assert line == "- other: no better than the best constant prediction: judge, north to south"
