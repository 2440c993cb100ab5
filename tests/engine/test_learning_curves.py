"""evaluate.every: learning curves of transfer, which leave the training bit for bit as it is."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
from sample_results import sample_results
from toy_run import STEPS, toy_plan

from codaar_core import report
from codaar_core.api import CodaarError, hook
from codaar_core.cli.commands import load_verb
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.evaluation.learning_curves import FILE
from codaar_core.engine.results import LearningCurve
from codaar_core.engine.run import run
from codaar_core.report.compare.comparison import compare
from codaar_core.report.compare.learning import epoch_rows
from codaar_core.report.curves import transfer_panels
from codaar_core.report.page import render

EVERY = "evaluate.every=1"
STATEFUL = """
import os
import signal
from pathlib import Path

from codaar_core.api import Loss


class Restless(toy_model.ToyEncoder):
    '''Has dropout, batch statistics and a count of its calls.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        self.norm, self.dropout = nn.BatchNorm1d(context.latent.width), nn.Dropout(0.3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, features):
        self.calls += 1
        encoded = super().forward(features)
        latents = self.dropout(self.norm(encoded.semantic.flatten(0, 1)).view_as(encoded.semantic))
        return encoded._replace(semantic=latents)


class Estimator(Loss):
    '''Has parameters that it trains itself, draws numbers, and counts its calls.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        self.line = nn.Linear(context.latent.width, 1)
        self.optimizer = torch.optim.Adam(self.line.parameters(), lr=0.01)
        self.register_buffer("calls", torch.zeros(()))

    def inner_step(self, view):
        self.optimizer.zero_grad()
        self.line(view.encoded["north"].semantic.detach()).square().mean().backward()
        self.optimizer.step()

    def forward(self, view):
        self.calls += 1
        latents = view.encoded["north"].semantic
        return {"north": (self.line(latents) * torch.rand(latents.shape[:2]).unsqueeze(-1)).square().mean()}


class Dropped(toy_model.ToyTask):
    '''Encodes with dropout, as some released benchmarks do.'''

    dropout = True


class Greedy(ToyHead):
    '''Lets a gradient reach the codebooks.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        self.quantizers = [context.quantizer]

    def forward(self, quantized):
        nearest = self.quantizers[0].codebooks()["north"].sum()
        return super().forward(quantized) + nearest


class Stopped(ToyHead):
    '''Receives a signal, the first time.'''

    def loss(self, logits, target):
        once = Path("signal-was-sent")
        if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGTERM)
        return super().loss(logits, target)
"""
ESTIMATOR = ("model.losses=['reconstruction', 'estimator']", "losses.estimator.use='local:estimator'")
KINDS = {
    "a loss with its own optimizer, draws and a counter": ESTIMATOR,
    "codewords that are parameters": ("quantizer.learned=true",),
    "batch statistics, dropout and a counter, and a benchmark with dropout": (
        "encoders.east.use='local:restless'",
        "bench.toy.use='local:dropped'",
        "bench.toy.head.use='local:toy-head'",
    ),
    "a head with a gradient into the codebooks": ("quantizer.learned=true", "bench.toy.head.use='local:greedy'"),
    "adjusted codebooks, several passes and held-out clips": (
        *("model.align=['pull']", "data.accumulate=2", "data.validation_share=0.2", "run.best='validation.total'"),
    ),
}


def trained(folder: Path, *overrides: str, **arguments) -> Path:
    """Run two epochs without a report; returns the run directory."""
    return run(toy_plan(folder, "run.epochs=2", *overrides, components=STATEFUL), **arguments)


def training_of(folder: Path) -> dict[str, bytes]:
    """Every file that the training wrote: checkpoints with weights, optimizers and sums, and its records."""
    files = [*folder.glob("checkpoints/*/*"), folder / "metrics.csv", folder / "events.jsonl"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def scores(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / FILE).open()))


def curves(folder: Path) -> list[dict]:
    return json.loads((folder / "results.json").read_text())["learning_curves"]


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_two_processes_share_the_evaluations_and_train_as_without(tmp_path):
    together = "device.processes=2"
    without, evaluated = trained(tmp_path, together), trained(tmp_path, together, EVERY)
    assert training_of(evaluated) == training_of(without)
    assert [curve["epoch"] for curve in curves(evaluated)] == [[1, 2]] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_evaluations_leave_the_training_bit_for_bit_as_it_is(tmp_path, kind):
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    without = trained(tmp_path / "without", *KINDS[kind])
    evaluated = trained(tmp_path / "with", *KINDS[kind], EVERY)
    assert training_of(evaluated) == training_of(without)
    assert {row["epoch"] for row in scores(evaluated)} == {"1", "2"} and not (without / FILE).exists()
    assert curves(without) == []


def test_a_point_is_what_a_run_of_that_length_scores(tmp_path):
    first, both = trained(tmp_path, "run.epochs=1"), trained(tmp_path, EVERY)
    expected = [json.loads((each / "results.json").read_text())["transfers"] for each in (first, both)]
    for number, curve in enumerate(curves(both)):
        assert (curve["epoch"], curve["step"], curve["seeds"]) == ([1, 2], [STEPS, 2 * STEPS], [1, 2])
        assert curve["values"] == [expected[0][number]["values"], expected[1][number]["values"]]
    assert len(curves(both)) == len(expected[0])


def test_the_last_epoch_is_always_a_point(tmp_path):
    folder = trained(tmp_path, "run.epochs=3", "evaluate.every=2", "evaluate.seeds=[5]")
    assert [(curve["epoch"], curve["seeds"]) for curve in curves(folder)] == [([2, 3], [5])] * 2


class Ends:
    """Fails after the checkpoint of an epoch, before the evaluation of it."""

    @hook
    def codaar_epoch_end(self, epoch):
        if epoch == 0:
            raise RuntimeError("ended on purpose")


class Stops:
    """Sends a signal at the end of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hook
    def codaar_step_end(self, step):
        if step + 1 == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_that_ends_between_checkpoint_and_evaluation_has_the_same_curves(tmp_path):
    plan = toy_plan(tmp_path, "run.epochs=2", EVERY)
    whole = run(plan)
    with pytest.raises(RuntimeError, match="on purpose"):
        run(plan, observers=[Ends()])
    (early,) = (path.parent for path in tmp_path.glob("runs/toy/*/status.json") if path.parent != whole)
    assert not (early / FILE).exists()
    run(plan, str(early))
    assert scores(early) == scores(whole) and curves(early) == curves(whole)
    assert training_of(early) == training_of(whole)


def test_a_signal_during_an_evaluation_keeps_the_epoch(tmp_path, in_folder):
    plan = toy_plan(tmp_path, "run.epochs=2", EVERY, "bench.toy.head.use='local:stopped'", components=STATEFUL)
    with pytest.raises(Interrupted, match="while evaluating toy; the state after the last epoch is kept") as told:
        run(plan)
    assert told.value.exit_code == 128 + signal.SIGTERM
    (early,) = (path.parent for path in tmp_path.glob("runs/toy/*/status.json"))
    assert [path.name for path in early.glob("checkpoints/*")] == [f"step-{STEPS}"] and not (early / FILE).exists()
    run(plan, str(early))
    whole = run(plan)
    assert scores(early) == scores(whole) and training_of(early) == training_of(whole)


def test_a_run_stopped_within_an_epoch_keeps_its_points_only(tmp_path):
    plan = toy_plan(tmp_path, EVERY)
    with pytest.raises(Interrupted):
        run(plan, observers=[Stops(2 * STEPS + 2)])
    (folder,) = (path.parent for path in tmp_path.glob("runs/toy/*/status.json"))
    assert {row["epoch"] for row in scores(folder)} == {"1", "2"}
    later = (folder / FILE).read_text() + "9,99,toy,north,east,agreement,1,0.5,x\ndamaged\n"
    (folder / FILE).write_text(later)
    with pytest.warns(UserWarning, match="1 damaged lines are left out of the learning curves"):
        run(plan, str(folder))
    assert [curve["epoch"] for curve in curves(folder)] == [[1, 2, 3]] * 2


def test_points_of_other_settings_are_kept_but_not_mixed(tmp_path):
    with pytest.raises(Interrupted):
        run(toy_plan(tmp_path, "run.epochs=2", EVERY), observers=[Stops(STEPS + 2)])
    (folder,) = (path.parent for path in tmp_path.glob("runs/toy/*/status.json"))
    with pytest.warns(
        UserWarning, match="1 evaluations with other settings, sources or versions are not in the report"
    ):
        run(toy_plan(tmp_path, "run.epochs=2", EVERY, "bench.toy.epochs=1"), str(folder))
    assert [curve["epoch"] for curve in curves(folder)] == [[2]] * 2
    assert {row["epoch"] for row in scores(folder)} == {"1", "2"}


def test_training_on_goes_on_with_the_curves_and_reuse_does_not_take_them_for_its_own(tmp_path):
    first = trained(tmp_path, EVERY)
    with pytest.warns(UserWarning, match="finished|has the same pretraining"):
        trained(tmp_path)  # without evaluate.every, an earlier pretraining is offered
    more = run(toy_plan(tmp_path, "run.epochs=3", EVERY, components=STATEFUL), str(first))
    assert more != first and [curve["epoch"] for curve in curves(more)] == [[1, 2, 3]] * 2
    again = trained(tmp_path, EVERY, reuse=True)
    assert "pretrained_in" not in json.loads((again / "status.json").read_text())
    assert curves(again) == curves(first)


def test_a_finished_run_has_nothing_to_do_for_other_epochs_of_evaluation(tmp_path):
    folder = trained(tmp_path, EVERY)
    with pytest.warns(UserWarning, match="finished: nothing to resume"):
        assert trained(tmp_path, "evaluate.every=2", resume=str(folder)) == folder


def test_a_benchmark_is_no_metric_for_the_best_epoch(tmp_path):
    with pytest.raises(CodaarError, match="'toy' is not an epoch metric"):
        trained(tmp_path, EVERY, "run.best='toy'")


def test_evaluation_during_pretraining_needs_a_benchmark(tmp_path):
    with pytest.raises(CodaarError, match="'every' needs a benchmark in 'on'"):
        toy_plan(tmp_path, EVERY, "evaluate.on=[]")


# What is shown


def curve(**changes) -> LearningCurve:
    usual = {"benchmark": "judge", "train": "north", "test": "east", "metric": "accuracy", "epoch": (2, 4)}
    return LearningCurve(**{**usual, "step": (10, 20), "seeds": (1, 2), "values": ((0.1, 0.3), (0.4, 0.8)), **changes})


def test_a_panel_for_each_benchmark_and_a_line_for_each_transfer():
    error = {"metric": "distance", "unit": "m", "higher_is_better": False, "benchmark": "reach"}
    shown = [curve(), curve(train="east", test="north", caveat="spelled"), curve(headline=False), curve(**error)]
    judge, reach = transfer_panels(shown)
    assert judge.title == "judge: accuracy, %" and reach.title == "reach: distance, m, lower is better"
    assert [(line.name, line.last) for line in judge.lines] == [("north → east", "60"), ("east → north †", "60")]
    assert judge.description.startswith("judge: accuracy, %, epochs 2 to 4: north → east from 20 to 60")
    assert reach.lines[0].last == "0.6" and not reach.logarithmic


def test_values_must_fit_the_points():
    with pytest.raises(ValueError, match="'judge' must have a step and 2 values for each epoch"):
        curve(values=((0.1, 0.3),))
    assert curve(values=((None, 0.3), (None, None))).means == (0.3, None)


def test_report_comparison_and_terminal_show_the_curves(tmp_path, capsys):
    plan = toy_plan(tmp_path, "run.epochs=2", EVERY)
    folder, other = run(plan), run(toy_plan(tmp_path, "run.epochs=2"))
    page = render(report.read(folder))
    assert "<h2>Learning curves</h2>" in page and "toy: agreement, %" in page
    assert "<h2>Learning curves</h2>" not in render(report.read(other))
    comparison = compare([folder, other])
    results = report.read(folder)
    means = [each.means for each in results.learning_curves]
    assert [(row.epoch, row.transfers, row.means) for row in comparison.epochs] == [
        (epoch, 2, (pytest.approx(sum(each[epoch - 1] for each in means) / 2), None)) for epoch in (1, 2)
    ]
    assert "Learning curves" in comparison.as_html()
    load_verb("compare").main([str(folder), str(other)], standalone_mode=False)
    assert "toy after epochs of pretraining: agreement, %, mean of 2" in " ".join(capsys.readouterr().out.split())


def test_runs_without_curves_have_no_rows():
    assert not list(epoch_rows([sample_results(), sample_results(aligned=False)]))
    one = sample_results(learning_curves=(curve(), curve(train="east", test="north")))
    two = sample_results(learning_curves=(curve(epoch=(1, 2)),))
    rows = list(epoch_rows([one, sample_results(), two]))
    assert [(row.epoch, row.transfers, row.means) for row in rows] == [
        (1, 1, (None, None, pytest.approx(0.2))),
        (2, 1, (pytest.approx(0.2), None, pytest.approx(0.6))),
        (4, 1, (pytest.approx(0.6), None, None)),
    ]
