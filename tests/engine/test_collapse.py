"""Warnings of codebooks that collapse in pretraining."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from codaar_core.engine.lifecycle.collapse_alarm import CollapseAlarm
from codaar_core.engine.results.collapse import collapsed_codebooks

GOOD, FEW, ONE = (100.0, 300.0, 0.1), (7.9, 40.0, 0.3), (9.0, 300.0, 0.6)  # perplexity, used, largest share; K = 800
QUANTIZER = SimpleNamespace(level_size=800, collapse_help='what may help: start = "kmeans"')


def row(epoch: int, **modalities: tuple[float, float, float]) -> dict[str, float]:
    names = ("epoch_perplexity", "epoch_used", "epoch_largest_share")
    values = {f"{name}.{m}": v for m, three in modalities.items() for name, v in zip(names, three, strict=True)}
    return {"epoch": epoch, "step": 10 * epoch, "total": 1.0, **values}


@pytest.mark.parametrize(
    ("measures", "codewords", "collapsed"),
    [
        (GOOD, 800, False),
        (FEW, 800, True),
        (ONE, 800, True),
        ((8.0, 40.0, 0.5), 800, False),
        ((1.4, 2.0, 0.4), 16, True),  # 1 % of 16 is less than one codeword
        ((1.6, 2.0, 0.4), 16, False),
        ((200.0, 600.0, 0.1), 160_000, False),  # two entries a code: no model uses 1 % of all pairs
        ((9.9, 600.0, 0.1), 160_000, True),
    ],
)
def test_few_codewords_or_one_frequent_one_are_a_collapse(measures, codewords, collapsed):
    rows = [row(1, north=GOOD), row(2, north=measures, south=GOOD)]
    assert list(collapsed_codebooks(rows, codewords)) == (["north"] if collapsed else [])


def test_the_first_epoch_and_unknown_measures_are_not_judged():
    assert collapsed_codebooks([row(1, north=FEW)], 800) == {} == collapsed_codebooks([], 800)
    old = {name: value for name, value in row(2, north=FEW).items() if "largest" not in name}
    assert collapsed_codebooks([row(1, north=FEW), old], 800) == {}
    assert collapsed_codebooks([row(1, north=FEW), row(2, north=FEW)], None) == {}


EPOCHS = [
    row(1, north=FEW, south=GOOD),
    row(2, north=FEW, south=GOOD),  # warned of
    row(3, north=FEW, south=ONE),  # only south is new
    row(4, north=GOOD, south=ONE),
    row(5, north=FEW, south=GOOD),  # north again
]


def events(folder: Path, finished: int = 0) -> list[dict]:
    """What is in events.jsonl after a run that is interrupted after some epochs, and resumed."""
    path = folder / "events.jsonl"
    path.write_text("")
    alarm = CollapseAlarm(QUANTIZER)
    logged = [{"step": each["step"], "epoch": each["epoch"], "total": 1.0} for each in EPOCHS]
    path.write_text("".join(json.dumps(event) + "\n" for event in logged[:finished]))  # as the journal leaves it
    alarm.codaar_run_start(folder, EPOCHS[:finished])
    for each, event in list(zip(EPOCHS, logged, strict=True))[finished:]:
        with path.open("a") as file:
            file.write(json.dumps(event) + "\n")
        values = {name: value for name, value in each.items() if name not in ("epoch", "step")}
        alarm.codaar_epoch_end(each["epoch"] - 1, each["step"], values)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_codebook_is_warned_of_when_it_collapses_with_numbers_and_help(tmp_path):
    with pytest.warns(UserWarning, match="collapsed codebook") as caught:
        found = [event for event in events(tmp_path) if "warning" in event]
    assert [event["epoch"] for event in found] == [2, 3, 5]
    assert [event["step"] for event in found] == [20, 30, 50]
    assert found[0]["warning"] == (
        "collapsed codebook: epoch 2, north: 40 of 800 codewords in use, perplexity 7.9, "
        '30% of the time steps have the same one (what may help: start = "kmeans")'
    )
    assert "south: 300 of 800" in found[1]["warning"] and "north" not in found[1]["warning"]
    assert [str(each.message) for each in caught] == [event["warning"] for event in found]


@pytest.mark.parametrize("finished", range(1, 6))
def test_a_resumed_run_has_the_events_of_an_uninterrupted_one(finished, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = events(tmp_path)
        assert events(tmp_path, finished) == whole
