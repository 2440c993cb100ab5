"""Loggers of one run that is killed and resumed: what TensorBoard, Weights & Biases and MLflow have of it."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import logs
import pytest
from toy_run import STEPS, toy_plan

from codaar_core import engine, report
from codaar_core.api import hook
from codaar_core.testing.environment.toy_model import CODEWORDS

LOGGERS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"the package {name} is not installed"))
    for name in ("tensorboard", "wandb", "mlflow")
]
INSTALLED = [each.values[0] for each in LOGGERS if not each.marks[0].args[0]]


class KilledAfter:
    """Kills the process after a step whose values are logged, without a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hook(trylast=True)
    def codaar_step_logged(self, step):
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def run_until(folder: Path, settings: tuple[str, ...], step: int) -> None:
    """Start a run that is killed after a step."""
    engine.run(toy_plan(folder, *settings), observers=[KilledAfter(step)])


def killed(folder: Path, settings: tuple[str, ...], step: int) -> None:
    """Do so in a process of its own; a fork would inherit the locks that threads of earlier tests hold."""
    process = multiprocessing.get_context("spawn").Process(target=run_until, args=(folder, settings, step))
    process.start()
    process.join(120)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run that is killed in its second epoch and resumed, killed before its report and resumed again."""
    settings = (f"run.hooks={INSTALLED}", "hooks.tensorboard.every=2", "evaluate.every=1")
    folder = tmp_path_factory.mktemp("logged")
    killed(folder, settings, STEPS + 3)
    plan = toy_plan(folder, *settings)

    def no_report(path):
        raise OSError("no report")

    with pytest.raises(OSError, match="no report"):
        engine.run(plan, resume="auto", write_report=no_report)
    return engine.run(plan, resume="auto", write_report=report.write)


def journal(run: Path, every: int) -> dict[tuple[str, int], float]:
    """Values that the run's own files have, by the name and the step of a log."""
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    steps = [line for line in lines if "warning" not in line]
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        epochs = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    dead = [{f"dead.{m}": CODEWORDS - row[f"epoch_used.{m}"] for m in ("north", "east")} for row in epochs]
    rows = [
        *(("step", row) for row in steps if row["step"] % every == 0),
        *(("epoch", {**row, **more}) for row, more in zip(epochs, dead, strict=True)),
    ]
    curves = json.loads((run / "results.json").read_text("utf-8"))["learning_curves"]
    points = {
        (f"curve/{each['benchmark']}/{each['metric']}/{each['train']}-{each['test']}", step): sum(values) / len(values)
        for each in curves
        for step, values in zip(each["step"], each["values"], strict=True)
    }
    assert {step for _, step in points} == {STEPS, 2 * STEPS, 3 * STEPS}
    return points | {
        (f"{kind}/{name}", int(row["step"])): value
        for kind, row in rows
        for name, value in row.items()
        if name not in ("step", "epoch")
    }


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_log_has_every_value_once_although_steps_were_logged_before_a_kill(run, logger):
    values = getattr(logs, logger)(run).values
    expected = journal(run, every=2 if logger == "tensorboard" else 1)
    assert {step for _, step in expected} >= {STEPS, 3 * STEPS}
    assert Counter((name, step) for name, step, _ in values) == Counter(expected.keys())
    assert {(name, step): value for name, step, value in values} == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_log_has_scores_settings_and_report(run, logger):
    log = getattr(logs, logger)(run)
    transfers = json.loads((run / "results.json").read_text("utf-8"))["transfers"]
    expected = {f"transfer/toy/{each['metric']}/{each['train']}-{each['test']}": each["mean"] for each in transfers}
    assert len(expected) == 2
    assert log.scores == pytest.approx(expected)
    assert float(log.settings["optimizer.lr"]) == 0.01
    assert log.settings["model.modalities"] == '["north", "east"]'
    assert all(word in log.table for word in ("chance", "north", "agreement"))
    assert log.report == (run / "report.html").read_text("utf-8")


LOG_A_STEP = """
import sys, urllib.request
from importlib.metadata import entry_points
from pathlib import Path

for name in sys.argv[1:]:
    [component] = (each.load() for each in entry_points(group="codaar.hooks", name=name))
    stored = {"tracking_uri": "sqlite:///stored.db"} if name == "mlflow" else {}
    logger = component(component.Config(**stored), None)
    settings = {"run": {"name": "toy"}}
    logger.codaar_run_start(Path.cwd(), settings, codewords=4, step=0, finished=[], logged=[], curves=[], results=[])
    logger.codaar_step_logged(step=1, values={"total": 1.0})
    logger.codaar_run_end(status="finished")
try:
    urllib.request.urlopen("http://codaar.invalid/seen", timeout=5)
except OSError:
    pass
"""


def test_loggers_connect_to_nothing_unless_told_to(run, tmp_path):
    """Every client of the web uses the proxy; it sees the one request that the program itself makes."""
    if "mlflow" in INSTALLED:
        shutil.copy(run / "mlflow" / "mlflow.db", tmp_path / "stored.db")  # making another one takes seconds
    seen = []

    class Proxy(BaseHTTPRequestHandler):
        def handle(self):
            seen.append(self.rfile.readline())

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        names = [f"{kind}_proxy" for kind in ("http", "https", "all")]
        here = {name: f"http://127.0.0.1:{proxy.server_port}" for each in names for name in (each, each.upper())}
        hidden = ("PYTEST_CURRENT_TEST", "CI", "no_proxy", "NO_PROXY")  # programs report less where they are tested
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        command = [sys.executable, "-W", "error::UserWarning", "-c", LOG_A_STEP, *INSTALLED]
        done = subprocess.run(command, cwd=tmp_path, env=kept | here, capture_output=True, text=True, timeout=120)
        proxy.shutdown()
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    assert [line.split()[1] for line in seen] == [b"http://codaar.invalid/seen"]


def test_loggers_without_a_usable_place_leave_the_run_as_it_is(tmp_path):
    file = tmp_path / "file"
    file.touch()
    places = {
        "tensorboard": f"folder='{file}'",
        "wandb": f"folder='{file}'",
        "mlflow": f"tracking_uri='sqlite:///{file}/x'",
    }
    settings = [f"hooks.{name}.{places[name]}" for name in INSTALLED]
    plan = toy_plan(tmp_path, f"run.hooks={INSTALLED}", "run.epochs=1", *settings)
    with pytest.warns(UserWarning, match="logs nothing more of this run") as warned:
        finished = engine.run(plan)
    assert json.loads((finished / "status.json").read_text("utf-8"))["status"] == "finished"
    reported = [str(each.message) for each in warned if "logs nothing more" in str(each.message)]
    assert len(reported) == len(set(reported)) == len(INSTALLED)
