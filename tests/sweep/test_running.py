"""A small sweep on real data: finished runs are not repeated, a failed run does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from codaar_core import load_sweep, run_sweep
from codaar_core.api import CodaarError
from codaar_core.cli.verbs.sweep import begun, duration, verb
from codaar_core.recipe import RecipeError
from codaar_core.recipe.sweep import Sweep
from codaar_core.sweep import Position, as_markdown, rows
from codaar_core.sweep import running as module

SWEEP = """
extends = ["{base}"]
run = {{name = "small", directory = "{runs}", epochs = 1}}
device.threads = 1
data = {{batch = 16, pretrain = 40, patches = 8, words = 16, retrieval = 20}}
quantizer = {{codes = 32, dim = 16}}
encoders.video.channels = [4, 8]
decoders.video.hidden = 4
evaluate = {{on = ["retrieval"], seeds = [1]}}

[sweep.columns]
"audio to video" = "retrieval/audio->video/R@1"
"minutes" = "pretraining/epoch_minutes"
"perplexity" = "pretraining/perplexity.audio"

[sweep.arms]
aligned = {{}}
unaligned = {{model.align = []}}
broken = {{optimizer.lr = 1e30, optimizer.clip = 0}}

[sweep.published]
aligned = [12.5, "", ""]
nobody = [18.95, "", 3.25]
"""


@pytest.fixture(scope="module")
def sweep(root, tmp_path_factory) -> Sweep:
    folder = tmp_path_factory.mktemp("sweep")
    path = folder / "small.toml"
    path.write_text(SWEEP.format(base=root / "recipes" / "avt.toml", runs=folder / "runs"), "utf-8")
    return load_sweep(path)


@pytest.fixture(scope="module")
def measured(sweep):
    return run_sweep(sweep, only=["aligned", "broken"])


def runs(sweep: Sweep) -> list[str]:
    return sorted(str(path.parent) for path in sweep.directory.parent.glob("*/*/status.json"))


def test_a_failed_run_does_not_stop_the_others(measured):
    aligned, unaligned, broken = measured
    assert (len(aligned.results), len(unaligned.results), len(broken.results)) == (1, 0, 0)
    assert broken.failures[0].message.startswith("small-broken, seed 43: ") and broken.failures[0].help


@pytest.mark.parametrize(
    ("count", "told", "help"), [(1, "1 run failed:", "again to retry"), (2, "2 runs failed:", "again to retry")]
)
def test_failures_are_reported_with_advice(sweep, measured, monkeypatch, count, told, help):
    broken = attrs.evolve(measured[2], failures=measured[2].failures * count)
    monkeypatch.setattr("codaar_core.recipe.sweep.load_sweep", lambda *_: sweep)
    monkeypatch.setattr("codaar_core.sweep.run_sweep", lambda *_, **__: [*measured[:2], broken])
    with pytest.raises(CodaarError, match=f"^{told}") as error:
        verb.callback(Path("small.toml"), (), (), (), False, False, None, None, ())
    each = f"\n{broken.failures[0].message}\n   = help: {broken.failures[0].help}"
    assert error.value.message == told + each * count and help in error.value.help


def test_finished_runs_are_not_repeated(sweep, measured):
    before = runs(sweep)
    again = run_sweep(sweep, only=["aligned"])
    assert runs(sweep) == before
    assert again[0].results == measured[0].results


def test_the_table_holds_the_mean_of_the_results(sweep, measured):
    published, aligned, *_, nobody = rows(sweep, measured)
    results = measured[0].results[0]
    entry = next(each for each in results.transfers if each.key == ("retrieval", "audio", "video", "R@1"))
    took = results.pretraining
    values = (100 * entry.mean, took.epoch_minutes, took.last_epoch["perplexity.audio"])
    assert published.cells == ("12.5", "–", "–") and not published.measured
    assert aligned.cells == tuple(f"{value:.1f}" for value in values) and "1 run)" in aligned.name
    assert nobody.cells == ("18.95", "–", "3.25")
    assert "mode: strict" in as_markdown(sweep, measured)


def test_an_interrupted_run_is_resumed(sweep, measured):
    """Its checkpoint is complete, its results are not."""
    directory = Path(measured[0].results[0].directory)
    status = directory / "status.json"
    finished = status.read_text()
    status.write_text(json.dumps({**json.loads(finished), "status": "interrupted"}))
    before = runs(sweep)
    again = run_sweep(sweep, only=["aligned"])
    assert runs(sweep) == before, "no new folder"
    assert json.loads(status.read_text())["status"] == "finished"
    assert again[0].results[0].transfers == measured[0].results[0].transfers


def test_arms_that_cannot_be_built_are_all_reported_before_anything_runs(root, tmp_path):
    recipe = SWEEP.format(base=root / "recipes" / "avt.toml", runs=tmp_path / "runs")
    arms = "[sweep.arms]\nodd = {quantizer.dim = 15}\nodder = {quantizer.dim = 15}\n"
    arms += "flat = {decoders.video.use = 'vggish'}\n"
    (tmp_path / "wrong.toml").write_text(recipe.replace("[sweep.arms]\n", arms), "utf-8")
    with pytest.raises(RecipeError) as caught:
        run_sweep(load_sweep(tmp_path / "wrong.toml"))
    flat, odd = sorted(problem.message for problem in caught.value.problems)
    assert flat.startswith("arm flat: decoders.video: ")
    assert odd.startswith("arms odd, odder: encoders.text: ") and "15" in odd
    assert not (tmp_path / "runs").exists()


def test_runs_are_announced_with_their_arm_and_the_time_left(sweep, monkeypatch):
    """Only runs that are not finished count."""
    announced, clock = [], iter(range(0, 10_000, 60))
    monkeypatch.setattr(module, "refuse_unbuildable", list)
    monkeypatch.setattr(module, "finished_run", lambda plan: None)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))

    def run(plan, observers):
        raise MemoryError("this run only")

    monkeypatch.setattr(module, "run_plan", run)
    measured = run_sweep(sweep, announce=announced.append)
    assert [len(each.failures) for each in measured] == [1, 1, 1], "an unexpected error ends one run only"
    assert "small-aligned, seed 43: unexpected MemoryError: this run only" in measured[0].failures[0].message
    assert [begun(each) for each in announced] == [
        "arm 1 of 3: aligned, seed 43",
        "arm 2 of 3: unaligned, seed 43; about 2 min left",
        "arm 3 of 3: broken, seed 43; about 60 s left",
    ]
    assert announced[1] == Position("unaligned", 2, 3, 43, 120.0)


@pytest.mark.parametrize(
    ("seconds", "written"), [(9.6, "10 s"), (121, "2 min"), (3600, "1 h 0 min"), (7999, "2 h 13 min")]
)
def test_durations(seconds, written):
    assert duration(seconds) == written


def test_only_known_arms(sweep):
    with pytest.raises(CodaarError, match="has no arm 'alinged'"):
        run_sweep(sweep, only=["alinged"])
