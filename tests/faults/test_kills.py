"""SIGKILL at any instant, in a save too: what `--resume auto` ends with is, to the bit, what an undisturbed run has."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("codaar_plugin_digits")

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "avt.toml"
EPOCHS = 24
TINY = (
    f"run.epochs={EPOCHS}",
    "run.log_every=1",
    "device.threads=1",
    "data.batch=8",
    "data.pretrain=16",
    "data.patches=8",
    "data.words=8",
    "quantizer.codes=8",
    "quantizer.dim=8",
    "quantizer.reset_after=2",
    "encoders.text.lstm_hidden=8",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.on=[]",
)
# Prints a line a checkpoint; slow saves are more likely to be hit.
PROGRAM = """
import sys, time
from codaar_core.engine import run
from codaar_core.features import files
from codaar_core.recipe import load
from codaar_core.api import CodaarError, hook

flush = files._flush
files._flush = lambda path: (flush(path), time.sleep(0.01))

class Tells:
    @hook
    def codaar_checkpoint_saved(self, step):
        print(step, flush=True)

plan = load(sys.argv[1], sys.argv[2:])
try:
    run(plan, resume="auto", observers=[Tells()])
except CodaarError as error:
    if "no unfinished run" not in error.message:
        raise
    run(plan, observers=[Tells()])
"""


def start(folder: Path) -> subprocess.Popen:
    overrides = (*TINY, f"run.directory={str(folder)!r}")
    command = [sys.executable, "-c", PROGRAM, str(RECIPE), *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def kill_after(process: subprocess.Popen, seconds: float) -> bool:
    """Kill a moment after the next checkpoint; gives whether it was still running."""
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def weights(folder: Path) -> dict[str, torch.Tensor]:
    [run] = (folder / "avt").iterdir()
    assert json.loads((run / "status.json").read_text())["status"] == "finished"
    steps = [json.loads(line)["step"] for line in (run / "events.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 2 * EPOCHS + 1))
    assert not list((run / "checkpoints").glob(".*"))
    last = run / "checkpoints" / f"step-{2 * EPOCHS}"
    return load_file(last / "model.safetensors") | load_file(last / "train.safetensors")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(folder))
    return weights(folder)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_run_ends_as_if_nothing_had_happened(tmp_path, undisturbed, kills):
    moment = random.Random(kills)
    killed = sum(kill_after(start(tmp_path), moment.uniform(0, 0.06)) for _ in range(kills))
    assert killed >= min(kills, 2)
    finish(start(tmp_path))
    resumed = weights(tmp_path)
    assert all(torch.equal(value, resumed[name]) for name, value in undisturbed.items())
