"""`codaar evaluate` and what a finished run is resumed to: nothing finished is overwritten or trained again."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from killed_runs import start, wait
from safetensors.torch import load_file
from toy_run import STEPS, toy_plan

from codaar_core import engine, evaluate, report
from codaar_core.api import CodaarError, hook
from codaar_core.cli.commands import load_verb
from codaar_core.cli.errors import run_command
from codaar_core.engine import run
from codaar_core.recipe import Plan, load

OTHER = """
class Other(toy_model.ToyTask):
    '''Another benchmark.'''


class Fails(toy_model.ToyTask):
    '''Its clips cannot be read.'''

    def split(self, role, modality):
        from codaar_core.api import DataError

        raise DataError("clips.h5 is missing")
"""
PARTIAL = """
codaar = 1
[evaluate]
on = ["other"]
seeds = [7]
[bench.other]
use = "local:other"
epochs = 1
[bench.other.head]
use = "local:toy-head"
"""


class Heads:
    """Counts trained heads, and ends an evaluation after some."""

    def __init__(self, stop_after: int = 0) -> None:
        self.trained, self.stop_after = 0, stop_after

    @hook
    def codaar_head_end(self):
        self.trained += 1
        if self.trained == self.stop_after:
            raise RuntimeError("stopped on purpose")

    @hook
    def codaar_step_end(self):
        raise AssertionError("an evaluation makes no step")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    plan = toy_plan(folder, "run.epochs=2", "run.best='total'", components=OTHER)
    (folder / "other.toml").write_text(PARTIAL)
    return plan


@pytest.fixture(scope="module")
def model(plan: Plan) -> Path:
    return run(plan, write_report=report.write)


def files(folder: Path) -> Mapping[str, bytes]:
    """Every file by its path, except the report of the model, which lists its evaluations."""
    report_of_model = folder / "report.html"
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != report_of_model]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_all_finished_results_stay_byte_for_byte(model, folder):
    before = files(model)
    first = evaluate(model, folder / "other.toml")
    with_first = files(model)
    with pytest.raises(RuntimeError, match="stopped on purpose"):
        evaluate(model, overrides=["evaluate.seeds=[3, 4]"], observers=[Heads(stop_after=3)])
    heads = Heads()
    resumed = evaluate(model, overrides=["evaluate.seeds=[3, 4]"], observers=[heads], resume=True)
    assert heads.trained == 2, "the heads of seed 3 were finished"
    with_resumed = files(model)
    with pytest.raises(CodaarError, match=r"clips.h5 is missing"):
        evaluate(model, overrides=["bench.toy.use='local:fails'", "bench.toy.head.use='local:toy-head'"])
    after = files(model)
    for earlier in (before, with_first, with_resumed):
        assert {name: after[name] for name in earlier} == earlier
    statuses = [json.loads(file.read_text())["status"] for file in sorted(model.glob("evaluations/*/status.json"))]
    assert statuses == ["finished", "finished", "failed"] and len({first, resumed}) == 2
    assert {each.benchmark for each in report.read(first).transfers} == {"other"}
    undisturbed = evaluate(model, overrides=["evaluate.seeds=[3, 4]"])
    for name, content in files(undisturbed / "bench").items():
        assert (resumed / "bench" / name).read_bytes() == content
    assert report.read(undisturbed).transfers == report.read(resumed).transfers


def test_an_evaluation_with_the_seeds_of_the_run_has_its_scores(model):
    again = report.read(evaluate(model))
    of_run = report.read(model)
    assert again.transfers == of_run.transfers and again.codes == of_run.codes
    assert (again.steps, again.epochs, again.data) == (of_run.steps, of_run.epochs, of_run.data)
    assert again.pretraining == of_run.pretraining and again.curves == of_run.curves
    assert again.model == f"{model}, step-{2 * STEPS}" and "pretrain" not in again.seconds
    assert report.read(evaluate(model, best=True)).model.split(", ")[1].startswith("best-")


@pytest.mark.parametrize(
    "overrides, error",
    [
        (["quantizer.use='local:toy-quantizer'", "model.losses=[]"], r"model.losses was \['reconstruction'\], is \[\]"),
        (["run.epochs=9"], "run.epochs is a setting of the pretraining"),
        (["model.from='x'"], "model.from is a setting of the pretraining"),
        (["optimizer.lr=1.0"], "optimizer.lr is a setting of the pretraining"),
        (["evaluate.on=[]"], "nothing to evaluate"),
    ],
)
def test_what_an_evaluation_cannot_change_is_refused(model, overrides, error):
    before = files(model)
    with pytest.raises(CodaarError, match=error):
        evaluate(model, overrides=overrides)
    assert files(model) == before


def test_a_recipe_of_another_model_is_refused(model, folder):
    (folder / "wider.toml").write_text("extends = ['recipe.toml']\n[encoders.north]\nprivate = [3]\n")
    with pytest.raises(CodaarError, match=r"encoders.north.private was \[\], is \[3\]") as error:
        evaluate(model, folder / "wider.toml")
    assert "leave these tables out" in error.value.help


def test_evaluations_go_to_a_folder_of_ones_own(model, tmp_path):
    before = files(model)
    assert evaluate(model, overrides=["evaluate.seeds=[1]"], to=tmp_path / "scores").parent == tmp_path / "scores"
    assert files(model) == before


def test_a_finished_run_is_not_run_again(model, plan):
    before, heads = files(model), Heads()
    with pytest.warns(UserWarning, match="is finished: nothing to resume"):
        assert run(plan, str(model), [heads], write_report=report.write) == model
    assert heads.trained == 0 and files(model) == before


def test_a_finished_run_with_other_seeds_is_evaluated_apart(model, plan):
    before = files(model)
    other = load(plan.source, [*plan.overrides, "evaluate.seeds=[8]"])
    with pytest.warns(UserWarning, match="evaluated again, in a folder of its own"):
        evaluated = run(other, str(model), write_report=report.write)
    assert evaluated.parent == model / "evaluations" and report.read(evaluated).seeds == (8,)
    assert {name: files(model)[name] for name in before} == before


def test_a_killed_evaluation_ends_like_an_undisturbed_one(model, tmp_path):
    def evaluate_anew(name: str, kill_before: int | None) -> int:
        request = engine.request_evaluation(model, overrides=["bench.toy.epochs=1"], to=tmp_path / name, resume=True)
        return wait(start(request.plan, tmp_path / name, kill_before, lambda: engine.evaluate_model(request)))

    assert evaluate_anew("undisturbed", None) == 0
    changes = int((tmp_path / "undisturbed.changes").read_text())
    [undisturbed] = (tmp_path / "undisturbed").glob("*/bench")
    for n in range(0, changes, max(1, changes // 8)):
        assert evaluate_anew(str(n), n) == -signal.SIGKILL
        assert evaluate_anew(str(n), None) == 0
        [finished] = [s.parent for s in (tmp_path / str(n)).glob("*/status.json") if '"finished"' in s.read_text()]
        assert files(finished / "bench") == files(undisturbed), n


def test_trained_on_is_trained_at_once(plan, model):
    longer = load(plan.source, [*plan.overrides, "run.epochs=4"])
    before = files(model)
    on = run(longer, str(model), write_report=report.write)
    assert on != model and files(model) == before
    at_once = run(longer, write_report=report.write)
    for name in (f"checkpoints/step-{4 * STEPS}", f"checkpoints/step-{3 * STEPS}"):
        for part in ("model.safetensors", "train.safetensors", "state.json"):
            assert (on / name / part).read_bytes() == (at_once / name / part).read_bytes()
    for name in ("metrics.csv", "events.jsonl"):
        assert (on / name).read_bytes() == (at_once / name).read_bytes()
    assert report.read(on).transfers == report.read(at_once).transfers
    assert report.read(on).pretraining.run == str(model) and report.read(at_once).pretraining.run == ""
    assert load_file(next(on.glob("checkpoints/best-*/model.safetensors"))).keys()


def test_as_typed(model, folder, capsys):
    assert run_command(load_verb("evaluate"), [str(model), str(folder / "other.toml"), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    evaluated = Path(out.splitlines()[-1].removeprefix("report: ")).parent
    assert evaluated.parent == model / "evaluations" and "other: " in out
    command = shlex.split(report.read(evaluated).command)
    assert command[:2] == ["codaar", "evaluate"] and run_command(load_verb("evaluate"), command[2:]) == 0
    assert run_command(load_verb("evaluate"), [str(folder)]) == 1
    assert "is not a model" in capsys.readouterr().err


def test_report_and_list_show_every_evaluation(tmp_path, capsys):
    plan = toy_plan(tmp_path, "run.epochs=1", "evaluate.seeds=[1]", components=OTHER)
    model = run(plan, write_report=report.write)
    assert "<h2>Evaluations</h2>" not in (model / "report.html").read_text()
    finished = evaluate(model, overrides=["evaluate.seeds=[2]"])
    with pytest.raises(CodaarError):
        evaluate(model, overrides=["bench.toy.use='local:fails'", "bench.toy.head.use='local:toy-head'"])
    damaged = evaluate(model, overrides=["evaluate.seeds=[3]"])
    (damaged / "results.json").write_text("{")
    report.write(model)
    page = (model / "report.html").read_text()
    assert page.index(f">{damaged.name}<") < page.index(f">{finished.name}<"), "the newest is first"
    assert f'href="evaluations/{finished.name}/report.html"' in page and "failed: clips.h5 is missing" in page
    assert "results.json cannot be read" in page and "unreadable" in page
    [listed] = report.list_runs(tmp_path / "runs")
    assert [each.status for each in listed.evaluations] == ["unreadable", "failed", "finished"]
    assert run_command(load_verb("list"), ["runs", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.count("  evaluation  ") == 3
    with pytest.raises(CodaarError) as error:
        report.read(damaged)
    command = shlex.split(error.value.help.removeprefix("evaluate again: "))
    assert command[0] == "codaar" and run_command(load_verb("evaluate"), command[2:]) == 0
