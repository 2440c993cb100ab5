"""device.processes and torchrun: one run directory, written by rank zero; all processes end together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from abc import abstractmethod
from pathlib import Path

import pytest
from safetensors.torch import load_file

import codaar_core
from codaar_core.api import CodaarError, Loss
from codaar_core.engine.devices.signals import Interrupted

pytest.importorskip("codaar_plugin_digits")

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "avt.toml"
TINY = (
    "run.epochs=2",
    "run.log_every=1",
    "device.threads=1",
    "data.batch=4",
    "data.pretrain=8",
    "data.patches=8",
    "data.words=8",
    "quantizer.codes=8",
    "quantizer.dim=8",
    "encoders.text.lstm_hidden=8",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.on=[]",
)


def steps_and_weights(directory: Path) -> tuple[list[int], set[str]]:
    assert json.loads((directory / "status.json").read_text())["status"] == "finished"
    lines = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    events = [line["step"] for line in lines if "warning" not in line]
    return events, set(load_file(directory / "checkpoints" / "step-4" / "model.safetensors"))


@pytest.mark.slow
def test_two_processes_of_this_machine_make_one_run(tmp_path):
    overrides = (*TINY, f"run.directory={str(tmp_path)!r}", "device.processes=2")
    directory = codaar_core.run(RECIPE, overrides=overrides)
    events, names = steps_and_weights(directory)
    assert events == [1, 2, 3, 4]
    assert "quantizer.codewords" in names
    assert [each.name for each in (tmp_path / "avt").iterdir()] == [directory.name]


@pytest.mark.slow
def test_two_processes_share_the_heads_and_score_as_one(tmp_path):
    """Without any pretraining, so that both kinds of run have the same codes: dropout draws differ.

    The weights may differ: of a gradient that is nothing but rounding, Adam makes a whole step.
    """
    tasks = ("evaluate.on=['classification', 'retrieval']", "evaluate.seeds=[1, 2]", "data.classification=[20, 20]")
    sizes = ("run.epochs=0", "data.retrieval=20", "bench.classification.epochs=2", "device.dtype='float64'")
    runs = [
        codaar_core.run(RECIPE, overrides=(*TINY, *tasks, *sizes, f"run.directory={str(tmp_path)!r}", processes))
        for processes in ("device.processes=2", "device.processes=1")
    ]
    together, alone = (json.loads((each / "results.json").read_text()) for each in runs)
    assert together["transfers"] == alone["transfers"] and len(alone["transfers"]) > 6


class EventOnOneRank(Loss):
    """Base: something happens on one rank, at the second step."""

    rank = 1

    @abstractmethod
    def event(self) -> None:
        """What happens."""

    def forward(self, view):
        if (view.step, view.ranks.rank) == (1, self.rank):
            self.event()
        return {"fine": view.encoded["audio"].semantic.mean()}


class BreaksOnOne(Loss):
    """Divides by zero on the second process, at the second step."""

    name = "breaks-on-one"

    def forward(self, view):
        value = view.encoded["audio"].semantic.mean()
        return {"oops": value / 0 if (view.step, view.ranks.rank) == (1, 1) else value}


class FailsOnOne(EventOnOneRank):
    """Fails on the second process alone."""

    name = "fails-on-one"

    def event(self):
        raise ValueError("something of this process")


class DiesOnOne(EventOnOneRank):
    """The second process is killed, as the system does when memory runs out."""

    name = "dies-on-one"

    def event(self):
        os.kill(os.getpid(), signal.SIGKILL)


class PreemptedOnOne(EventOnOneRank):
    """Only the second process gets the signal of a scheduler to stop."""

    name = "preempted-on-one"

    def event(self):
        os.kill(os.getpid(), signal.SIGTERM)


class FailsOnTheFirst(EventOnOneRank):
    """Fails on the first process alone, with an error of torch."""

    name = "fails-on-the-first"
    rank = 0

    def event(self):
        raise RuntimeError("shapes do not match here")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("breaks-on-one", r"losses.failing.oops is .* at step 2 \(epoch 1\)"),
        ("fails-on-one", "process 1 of the run failed.*something of this process"),
        ("dies-on-one", "process 1 of the run was ended by SIGKILL"),
        ("fails-on-the-first", "shapes do not match here"),
    ],
)
def test_one_process_that_fails_ends_all_and_is_what_is_told(tmp_path, loss, message):
    overrides = (
        *TINY,
        f"run.directory={str(tmp_path)!r}",
        "device.processes=2",
        'model.losses=["reconstruction", "failing"]',
        f"losses.failing.use='local:{loss}'",
    )
    with pytest.raises((CodaarError, RuntimeError), match=message):
        codaar_core.run(RECIPE, overrides=overrides, plugins=[__file__])
    [path] = tmp_path.glob("*/*/status.json")
    status = json.loads(path.read_text())
    assert status["status"] == "failed"
    assert re.search(message, status["message"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "message"),
    [
        ((), "after step 2"),
        (  # in the last step
            ("run.epochs=1", "data.classification=[20, 20]", "evaluate.on=['classification']", "evaluate.seeds=[1]"),
            "while evaluating classification",
        ),
    ],
)
def test_a_signal_to_one_process_stops_all_as_that_signal(tmp_path, when, message):
    overrides = (
        *TINY,
        *when,
        f"run.directory={str(tmp_path)!r}",
        "device.processes=2",
        'model.losses=["reconstruction", "stopping"]',
        "losses.stopping.use='local:preempted-on-one'",
    )
    with pytest.raises(Interrupted, match=message) as end:
        codaar_core.run(RECIPE, overrides=overrides, plugins=[__file__])
    assert end.value.exit_code == 128 + signal.SIGTERM
    [path] = tmp_path.glob("*/*/status.json")
    assert json.loads(path.read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_torchrun_makes_one_run(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    command = [*torchrun, str(Path(sys.executable).with_name("codaar-run")), str(RECIPE)]
    options = [argument for override in TINY for argument in ("-o", override)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--directory", str(tmp_path), *options],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    [directory] = (tmp_path / "avt").iterdir()
    assert steps_and_weights(directory)[0] == [1, 2, 3, 4]
    assert done.stdout.count("report:") == 1
