"""codaar list: components, plug-ins, recipes and runs."""

from __future__ import annotations

import json
from pathlib import Path


def test_list(call):
    code, out, _ = call("list", "losses")
    assert (code, out) == (0, "losses\n  toy-loss  codaar-plugin-toy 0.3.0  Loses toys.\n")
    assert call("list", "loss")[1] == out


def test_list_everything(call):
    _, out, _ = call("list")
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        *("encoders", "decoders", "quantizers", "alignments", "losses", "heads", "data", "benchmarks", "hooks")
    ]


def test_list_an_unknown_kind(call):
    code, _, error = call("list", "encoder5")
    assert code == 2
    assert error.startswith("error[unknown-kind]: there is no kind 'encoder5'\n")
    assert error.endswith("\n   = help: did you mean 'encoder' or 'encoders'?\n")


def test_list_plugins(call):
    code, out, _ = call("list", "plugins")
    assert code == 0
    assert out.startswith("installed\n  codaar-plugin-toy 0.3.0  encoder:toy-encoder, ")
    assert "pip install codaar-plugin-" in out  # what the index knows besides


def test_list_recipes(call):
    Path("recipes/deep").mkdir(parents=True)
    Path("recipes/deep/a.toml").write_text("# What a does.\n# More.\ncodaar = 1\n")
    Path("recipes/b.toml").write_text("#:schema x\n# What b does.\nextends = []\n")
    Path("pyproject.toml").write_text("[project]\n")
    assert " ".join(call("list", "recipes")[1].split()) == (
        "recipes/b.toml What b does. recipes/deep/a.toml What a does. small.toml"
    )


def test_list_runs(call):
    assert call("list", "runs")[:2] == (0, "no run in runs\n")
    folder = Path("runs/avt/2026-01-01T00-00-00")
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"status": "finished"}')
    entry = {"benchmark": "judge", "train": "a", "test": "b", "metric": "accuracy", "headline": True, "caveat": ""}
    scores = [{**entry, "mean": 0.5, "chance": 0.1}, {**entry, "train": "c", "mean": 0.7, "chance": 0.1}]
    results = {"format": 1, "name": "avt", "mode": "strict", "modalities": ["a", "b"], "transfers": scores}
    (folder / "results.json").write_text(json.dumps(results))
    other = Path("runs/avt/2026-01-02T00-00-00")
    other.mkdir()
    (other / "status.json").write_text('{"status": "interrupted"}')
    code, out, _ = call("list", "runs", "runs")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["avt", "2026-01-01T00-00-00", "finished", "strict", "judge", "60.0", "(chance", "10.0)"],
        ["avt", "2026-01-02T00-00-00", "interrupted"],
    ]
    scores[0]["constant"] = 0.5
    (folder / "results.json").write_text(json.dumps(results))
    assert "judge 60.0 (chance 10.0), ! 1 collapse\n" in call("list", "runs")[1]
    assert call("list", "losses", "runs")[0] == 2


def test_a_folder_of_runs_that_does_not_exist(call):
    """Only the folder where runs are by default need not exist yet."""
    code, _, error = call("list", "runs", "nowhere")
    assert code == 1 and "there is no folder nowhere" in error and "help: " in error
    Path("empty").mkdir()
    assert call("list", "runs", "empty")[:2] == (0, "no run in empty\n")
