"""A whole run, small: what it leaves behind, and how it ends when something goes wrong."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import tomli
import torch
from codaar_plugin_digits.clips import Clips
from safetensors.torch import load_file

import codaar_core
from codaar_core.api import CodaarError, Loss, hook
from codaar_core.engine.devices import signals as interruption
from codaar_core.engine.devices.signals import Interrupted


def weights(directory: Path) -> dict[str, torch.Tensor]:
    newest = max((directory / "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]))
    return load_file(newest / "model.safetensors")


def test_a_run_leaves_a_complete_directory(finished):
    assert json.loads((finished / "status.json").read_text())["status"] == "finished"
    assert tomli.loads((finished / "resolved.toml").read_text())["quantizer"]["use"] == "vqvae:codebooks"
    lock = tomli.loads((finished / "lock.toml").read_text())
    assert lock["packages"]["codaar-plugin-digits"] == version("codaar-plugin-digits")
    assert lock["components"]["losses.cpc"]["source"].startswith("sha256:")
    events = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines()]
    assert [event["step"] for event in events if "warning" not in event] == [1, 2, 3, 4, 5, 6]
    rows = list(csv.DictReader((finished / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    of_codes = ("used", "perplexity", "agreement", "epoch_used", "epoch_perplexity", "epoch_largest_share")
    total = sum(float(v) for k, v in rows[0].items() if "." in k and k.split(".")[0] not in of_codes)
    assert float(rows[0]["total"]) == pytest.approx(total, rel=1e-6)
    best = min(rows, key=lambda row: float(row["total"]))
    kept = {path.name for path in (finished / "checkpoints").iterdir()}
    assert kept == {"step-3", "step-6", f"best-{3 * int(best['epoch'])}"}
    for benchmark in ("classification", "localization"):
        folder = finished / "bench" / benchmark / "seed-1"
        assert {path.name for path in folder.iterdir()} == {"metrics.json", "head.safetensors", "predictions.npz"}
    assert "<svg" in (finished / "report.html").read_text("utf-8")
    assert not [path for path in finished.rglob("*.p*") if path.suffix in (".pt", ".pkl", ".partial")]


def test_what_is_odd_about_the_files_of_pretraining_is_on_record(recipe, tiny, monkeypatch):
    note = "2 of 40 clips cannot be read and are left out"
    monkeypatch.setattr(Clips, "notes", (note,))
    directory = codaar_core.run(recipe, overrides=(*tiny, "run.epochs=1", "evaluate.on=[]"))
    assert json.loads((directory / "results.json").read_text())["notes"] == [f"pretraining: {note}"]
    assert f"pretraining: {note}" in (directory / "report.html").read_text("utf-8")


def test_a_collapse_in_pretraining_is_in_events_results_and_report(finished):
    """A few steps leave the codebooks of this run collapsed."""
    lines = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines()]
    [warning] = [line for line in lines if "warning" in line]
    found = json.loads((finished / "results.json").read_text())["pretraining"]["collapse"]
    assert warning == {"step": 6, "epoch": 2, "warning": f"collapsed codebook: epoch 2, {found}"}
    assert "of 32 codewords in use" in found and 'start = "kmeans"' in found
    assert "Collapsed codebook: pretraining, " in (finished / "report.html").read_text("utf-8")


def test_results_hold_every_transfer_beside_its_references(finished):
    results = json.loads((finished / "results.json").read_text())
    assert results["mode"] == "strict"
    assert results["seeds"] == [1, 2]
    entries = {(e["benchmark"], e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    pairs = {(train, test) for _, train, test, _ in entries}
    assert len(pairs) == 6
    for entry in entries.values():
        heads = 1 if entry["benchmark"] == "retrieval" else 2  # there is nothing to train
        assert len(entry["values"]) == heads
        assert entry["mean"] == pytest.approx(sum(entry["values"]) / heads)
        for key in ("chance", "constant", "upper_bound"):
            assert 0 <= entry[key] <= 1
    classification = entries["classification", "audio", "video", "accuracy"]
    assert classification["chance"] == pytest.approx(0.1, abs=0.05)
    assert classification["caveat"] == ""
    assert "label" in entries["classification", "text", "video", "accuracy"]["caveat"]
    matrix = next(form["matrix"] for form in results["alignment"] if form["name"] == "Csa")
    assert matrix[2] == pytest.approx([4 / 27, 7 / 27, 16 / 27])


def test_a_score_can_be_recomputed_from_the_predictions(finished):
    results = json.loads((finished / "results.json").read_text())
    entry = next(
        e for e in results["transfers"] if (e["train"], e["test"], e["metric"]) == ("audio", "video", "accuracy")
    )
    arrays = np.load(finished / "bench" / "classification" / "seed-1" / "predictions.npz")
    assert (arrays["audio->video"] == arrays["target/video"]).mean() == pytest.approx(entry["values"][0])


def test_the_trained_model_encodes_one_modality_alone(finished):
    model = codaar_core.open_model(finished)
    codes = model.encode({"audio": torch.randn(2, 10, 128)})
    assert codes["audio"].indices.shape == (2, 10)
    assert codes["audio"].full.shape == (2, 10, 3 * 16)
    with pytest.raises(CodaarError, match="no modality 'smell'"):
        model.encode({"smell": torch.randn(2, 10, 128)})


def test_the_same_seed_gives_the_same_weights(recipe, tiny, finished):
    again = codaar_core.run(recipe, overrides=tiny)
    assert again != finished
    one, two = weights(finished), weights(again)
    assert all(torch.equal(one[name], two[name]) for name in one)


class InterruptAfter:
    """Sends what Ctrl-C sends."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hook
    def codaar_step_end(self, step):
        if step + 1 == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [2, 3])
def test_an_interrupted_run_goes_on_bit_for_bit(recipe, tiny, finished, step):
    with pytest.raises(Interrupted, match=f"interrupted after step {step}") as end:
        codaar_core.run(recipe, overrides=tiny, observers=[InterruptAfter(step)])
    directory = Path(end.value.help.split("--resume ")[1])
    assert json.loads((directory / "status.json").read_text())["status"] == "interrupted"
    assert not (directory / "results.json").exists()
    assert codaar_core.run(recipe, overrides=tiny, resume="auto") == directory
    one, two = weights(finished), weights(directory)
    assert all(torch.equal(one[name], two[name]) for name in one)
    for record in ("events.jsonl", "metrics.csv"):
        before, after = ((d / record).read_text() for d in (finished, directory))
        assert before == after
    scores = [json.loads((d / "results.json").read_text())["transfers"] for d in (finished, directory)]
    assert scores[0] == scores[1]


def test_a_changed_recipe_is_not_resumed(recipe, tiny):
    with pytest.raises(Interrupted) as end:
        codaar_core.run(recipe, overrides=tiny, observers=[InterruptAfter(2)])
    directory = end.value.help.split("--resume ")[1]
    with pytest.raises(CodaarError, match=r"optimizer.lr was 0.0004, is 0.1"):
        codaar_core.run(recipe, overrides=(*tiny, "optimizer.lr=0.1"), resume=directory)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("codaar = = 1")])
def test_a_run_of_which_it_is_not_known_how_it_began_is_not_resumed(recipe, tiny, damage):
    with pytest.raises(Interrupted) as end:
        codaar_core.run(recipe, overrides=tiny, observers=[InterruptAfter(2)])
    directory = Path(end.value.help.split("--resume ")[1])
    damage(directory / "resolved.toml")
    with pytest.raises(CodaarError, match="resolved.toml cannot be read"):
        codaar_core.run(recipe, overrides=tiny, resume=str(directory))


class Breaks(Loss):
    """A loss that divides by zero at the third step."""

    name = "breaks"

    def forward(self, view):
        value = view.encoded["audio"].semantic.mean()
        return {"oops": value / 0 if view.step == 2 else value}


def test_a_loss_that_is_not_finite_is_named_and_the_state_before_is_kept(recipe, tiny):
    overrides = (*tiny, 'model.losses=["reconstruction", "breaks"]', "losses.breaks.use='local:breaks'")
    with pytest.raises(CodaarError, match=r"losses.breaks.oops is .* at step 3 \(epoch 1\)") as end:
        codaar_core.run(recipe, overrides=overrides, plugins=[__file__])
    kept = Path(end.value.message.split("saved in ")[1])
    assert all(torch.isfinite(value).all() for value in load_file(kept / "model.safetensors").values())
    status = json.loads((kept.parents[1] / "status.json").read_text())
    assert status["status"] == "failed"
    assert "losses.breaks.oops" in status["message"]


class FillsTheDisk:
    """From the end of the first head on, nothing can be written; notes how the run was said to end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    @hook
    def codaar_head_end(self):
        def full(descriptor):
            raise OSError(28, "No space left on device")

        self.monkeypatch.setattr(os, "fsync", full)

    @hook
    def codaar_run_end(self, directory, status):
        self.directory, self.status = directory, status


def test_a_disk_that_is_full_after_the_training_leaves_no_half_file_and_is_what_is_told(recipe, tiny, monkeypatch):
    disk = FillsTheDisk(monkeypatch)
    with pytest.raises(CodaarError, match="cannot write .*head.safetensors: No space left on device"):
        codaar_core.run(recipe, overrides=tiny, observers=[disk])
    assert disk.status == "failed"
    assert not [path for path in disk.directory.glob("bench/**/*") if path.is_file()]


def codaar_run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("codaar-run")), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def options(overrides: tuple[str, ...]) -> list[str]:
    return [argument for override in overrides for argument in ("-o", override)]


def test_the_command_prints_progress_and_the_transfer_table(recipe, tiny, tmp_path):
    done = codaar_run(str(recipe), *options(tiny), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stdout
    assert "classification" in done.stdout
    assert "report.html" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("override", "message", "code"),
    [
        ("data.speech='fsdd'", "Free Spoken Digit Dataset", 2),
        ("data.root='no-such-folder'", "no-such-folder", 1),
        ("quantizer.use='codeboks'", "did you mean 'codebooks'?", 2),
        ("quantizer.code=3", "did you mean 'codes'?", 2),
        ("quantizer.codes='many'", "expected an integer", 2),
        ("evaluate.mode='as-published'", "strict", 2),
        ("bench.classification.use='avsbench:s4'", "avsbench", 2),
        ("device.on='cuda:99'", "cuda", None),
    ],
)
def test_bad_input_ends_with_a_message_and_its_exit_code(recipe, tiny, tmp_path, override, message, code):
    extra = ("data.speech='fsdd'",) if "root" in override else ()
    done = codaar_run(str(recipe), *options((*tiny, *extra, override)), cwd=tmp_path)
    assert done.returncode != 0
    assert code is None or done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_best_checkpoint_is_that_of_the_epoch_with_the_lowest_value(recipe, tiny, finished):
    weights = codaar_core.open_model(finished, best=True).model.state_dict()
    (folder,) = (finished / "checkpoints").glob("best-*")
    assert all(torch.equal(weights[name], value) for name, value in load_file(folder / "model.safetensors").items())
    rows = list(csv.DictReader((finished / "metrics.csv").open()))
    state = json.loads((folder / "state.json").read_text())
    assert state["best"]["value"] == pytest.approx(min(float(row["total"]) for row in rows))
    with pytest.raises(CodaarError, match="run.best = 'totl' is not an epoch metric"):
        codaar_core.run(recipe, overrides=(*tiny, "run.best='totl'"))


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_the_state(recipe, tiny, tmp_path, by):
    command = [str(Path(sys.executable).with_name("codaar-run")), str(recipe), *options((*tiny, "run.epochs=1000"))]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "epoch 1/" in line:
                break
        process.send_signal(by)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + by
    assert "the state is saved in" in errors
    assert "--resume" in errors
    [status] = (tmp_path / "runs").glob("*/*/status.json")
    assert json.loads(status.read_text())["status"] == "interrupted"
    assert math.isfinite(sum(float(v.double().sum()) for v in weights(status.parent).values()))


class Meddles:
    """Tries to go on with the run that is under way."""

    def __init__(self, recipe: Path, overrides: tuple[str, ...]) -> None:
        self.recipe, self.overrides = recipe, overrides

    @hook
    def codaar_step_end(self, step):
        if step == 4:
            with pytest.raises(CodaarError, match=f"process {os.getpid()} is using ") as end:
                codaar_core.run(self.recipe, overrides=self.overrides, resume="auto")
            self.said = end.value.help


def test_a_run_under_way_is_not_resumed_by_another_process(recipe, tiny, finished):
    meddler = Meddles(recipe, tiny)
    directory = codaar_core.run(recipe, overrides=tiny, observers=[meddler])
    assert meddler.said == "wait until it ends, or stop it"
    assert (directory / "events.jsonl").read_text() == (finished / "events.jsonl").read_text()


class SignalTwice:
    """Sends a signal, and again after its echo."""

    def __init__(self, by: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by, self.monkeypatch = by, monkeypatch

    @hook
    def codaar_step_end(self, step):
        if step == 4:
            os.kill(os.getpid(), self.by)
            self.monkeypatch.setattr(interruption, "ECHO", -1.0)
            os.kill(os.getpid(), self.by)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_run_at_once(recipe, tiny, tmp_path, monkeypatch, by):
    with pytest.raises(interruption.StoppedAtOnce):
        codaar_core.run(recipe, overrides=tiny, observers=[SignalTwice(by, monkeypatch)])
    [directory] = (tmp_path / "runs" / "avt").iterdir()
    status = json.loads((directory / "status.json").read_text())
    assert (status["status"], status["exit_code"]) == ("interrupted", 128 + by)
    assert {path.name for path in (directory / "checkpoints").iterdir()} == {"step-3", "best-3"}
