"""Resuming a run: from which checkpoint, with which command, and beside damaged runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from killed_runs import contents
from toy_run import STEPS, toy_plan, toy_recipe

from codaar_core import list_runs, open_model, report
from codaar_core.api import CodaarError, hook
from codaar_core.cli.commands import load_verb
from codaar_core.cli.errors import run_command
from codaar_core.engine import run
from codaar_core.engine.record.resume import finished_run, refuse_changes, unfinished_run
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.recipe import Plan, load

SETTINGS = ("run.best='total'", "evaluate.seeds=[1]")
FILES = ("model.safetensors", "train.safetensors", "state.json", "SHA256SUMS")


class Stopped(Exception):
    """The run was stopped on purpose."""


class StopAfter:
    """Ends the run after a step, without a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.directory = Path()

    @hook
    def codaar_run_start(self, directory):
        self.directory = directory

    @hook
    def codaar_step_end(self, step):
        if step + 1 == self.step:
            raise Stopped


class Watcher:
    """Records what a resumed run is told and does."""

    def __init__(self) -> None:
        self.finished: list[int] = []
        self.epochs: list[int] = []
        self.heads = 0

    @hook
    def codaar_run_start(self, finished):
        self.finished = [int(row["epoch"]) for row in finished]

    @hook
    def codaar_epoch_start(self, epoch):
        self.epochs.append(epoch + 1)

    @hook
    def codaar_head_end(self):
        self.heads += 1


def stopped(plan: Plan, step: int) -> Path:
    """The directory of a run that ended early."""
    stopping = StopAfter(step)
    with pytest.raises(Stopped):
        run(plan, observers=[stopping])
    return stopping.directory


def flip_byte(file: Path, at: float) -> None:
    """Change one bit of a file, ``at`` from 0 (first byte) to 1 (last)."""
    content = bytearray(file.read_bytes())
    content[int(at * (len(content) - 1))] ^= 4
    file.write_bytes(content)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return toy_plan(tmp_path, *SETTINGS)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return toy_plan(tmp_path_factory.mktemp("recipe"), *SETTINGS)


@pytest.fixture(scope="module")
def early(recipe: Plan) -> Path:
    """A run that ended two steps after its second epoch; copied before it is changed."""
    return stopped(recipe, 2 * STEPS + 2)


@pytest.fixture(scope="module")
def finished(recipe: Plan) -> Path:
    return run(recipe, write_report=report.write)


@pytest.fixture
def copied(early: Path) -> Callable[[], Path]:
    """Copies the run that ended early; the copies are removed at the end."""
    copies = []

    def copy() -> Path:
        copies.append(early.with_name(f"{early.name}-copy-{len(copies)}"))
        return shutil.copytree(early, copies[-1])

    yield copy
    for path in copies:
        shutil.rmtree(path)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("at", [0, 0.3, 1])
def test_a_flipped_byte_is_noticed_by_open_model(copied, file, at):
    damaged = copied() / "checkpoints" / f"step-{2 * STEPS}"
    flip_byte(damaged / file, at)
    with pytest.raises(CodaarError, match=r"is damaged|cannot be read") as error:
        open_model(damaged.parents[1])
    assert str(damaged) in error.value.message and f"remove {damaged}" in error.value.help
    if file != "SHA256SUMS":
        assert f"{damaged / file} " in error.value.message


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_byte_in_the_best_checkpoint_is_noticed(copied, file):
    directory = copied()
    [best] = (directory / "checkpoints").glob("best-*")
    assert open_model(directory, best=True)
    flip_byte(best / file, 0.5)
    with pytest.raises(CodaarError, match="best-"):
        open_model(directory, best=True)


@pytest.mark.parametrize("file", FILES)
def test_a_run_is_resumed_from_the_newest_intact_checkpoint(recipe, copied, finished, file):
    directory, watcher = copied(), Watcher()
    flip_byte(directory / "checkpoints" / f"step-{2 * STEPS}" / file, 0.5)
    with pytest.warns(UserWarning, match=f"step-{2 * STEPS}/.*the checkpoint before it is used"):
        run(recipe, str(directory), [watcher], write_report=report.write)
    assert watcher.finished == [1] and watcher.epochs == [2, 3]
    assert contents(directory) == contents(finished)


def test_a_run_without_intact_checkpoint_is_not_resumed(recipe, copied):
    directory = copied()
    for checkpoint in (directory / "checkpoints").glob("step-*"):
        flip_byte(checkpoint / "model.safetensors", 0.5)
    with pytest.warns(UserWarning), pytest.raises(CodaarError, match="no intact checkpoint") as error:
        run(recipe, str(directory))
    assert "without --resume" in error.value.help


def test_a_resumed_run_tells_loggers_the_finished_epochs_and_removes_what_a_kill_left(recipe, copied, finished):
    directory, watcher = copied(), Watcher()
    (directory / "metrics.csv").unlink()
    for name in ("checkpoints/.step-12.partial", "bench/toy/seed-1/.partly.partial"):
        (directory / name).mkdir(parents=True)
    (directory / ".results.json.partial").write_text("{")
    shutil.copytree(directory / "checkpoints/step-5", directory / "checkpoints/best-11")
    run(recipe, str(directory), [watcher], write_report=report.write)
    assert watcher.finished == [1, 2] and watcher.epochs == [3]
    assert contents(directory) == contents(finished)


@pytest.mark.parametrize("step", [STEPS, STEPS + 3])
def test_a_run_interrupted_by_a_signal_ends_with_the_same_files(recipe, finished, step):
    class Interrupt(StopAfter):
        @hook
        def codaar_step_end(self, step):
            if step + 1 == self.step:
                os.kill(os.getpid(), signal.SIGTERM)

    stopping = Interrupt(step)
    with pytest.raises(CodaarError, match=f"interrupted after step {step}"):
        run(recipe, observers=[stopping])
    run(recipe, str(stopping.directory), write_report=report.write)
    assert contents(stopping.directory) == contents(finished)
    shutil.rmtree(stopping.directory)


def as_format_2(directory: Path) -> None:
    """Rewrite the checkpoints as codaar-core wrote them before checksums."""
    for folder in (directory / "checkpoints").iterdir():
        (folder / "SHA256SUMS").unlink()
        state = json.loads((folder / "state.json").read_text())
        best = {"of": state["best"]["name"], "value": state["best"]["value"]} if folder.name.startswith("best") else {}
        (folder / "state.json").write_text(json.dumps({"format": 2, "step": state["step"], **best}))


def test_checkpoints_of_format_2_are_read(recipe, copied, finished):
    directory, watcher = copied(), Watcher()
    as_format_2(directory)
    assert open_model(directory) and open_model(directory, best=True)
    run(recipe, str(directory), [watcher], write_report=report.write)
    assert watcher.finished == [1, 2]
    found, expected = contents(directory), contents(finished)
    kept = f"checkpoints/step-{2 * STEPS}/"  # was written in format 2
    assert {name for name in expected if found.get(name) != expected[name]} == {
        kept + "SHA256SUMS",
        kept + "state.json",
    }


def test_a_lost_best_checkpoint_is_replaced_by_the_best_of_the_epochs_that_follow(recipe, copied):
    directory = copied()
    [best] = (directory / "checkpoints").glob("best-*")
    shutil.rmtree(best)
    with pytest.raises(CodaarError, match="has no best checkpoint"):
        open_model(directory, best=True)
    run(recipe, str(directory))
    assert open_model(directory, best=True)


COMPONENT = """
from codaar_core.api import Loss


class Tiny(Loss):
    '''A small additional loss.'''

    def forward(self, view):
        return {"north": view.encoded["north"].semantic.square().mean()}
"""


def test_the_printed_command_resumes_the_run_as_it_is(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "a folder with 'quotes'"
    folder.mkdir()
    monkeypatch.chdir(folder)
    toy_recipe(folder)
    (folder / "my losses.py").write_text(COMPONENT)
    overrides = ["model.losses=['reconstruction', 'tiny']", "losses.tiny.use='local:tiny'", "evaluate.on=[]"]
    plan = load("recipe.toml", [*overrides, f"run.directory={str(folder / 'my runs')!r}"], ["my losses.py"])

    class Interrupt:
        @hook
        def codaar_step_end(self, step):
            if step == 6:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(CodaarError, match="interrupted after step 7") as error:
        run(plan, observers=[Interrupt()])
    program, *arguments = shlex.split(error.value.help)
    assert program == "codaar-run"
    assert run_command(load_verb("run"), arguments) == 0
    [directory] = (folder / "my runs" / "toy").iterdir()
    assert RunDirectory(directory).status()["status"] == "finished"
    report_of_unfinished = json.loads((directory / "results.json").read_text())["command"]
    assert shlex.split(report_of_unfinished)[1:] == arguments[: -len(["--resume", "DIR"])]


def test_the_advice_on_a_run_without_results_resumes_it(tmp_path):
    plan = toy_plan(tmp_path, "evaluate.on=[]", "optimizer.lr=0.02")
    directory = stopped(plan, STEPS + 1)
    with pytest.raises(CodaarError, match="no results in") as error:
        report.read(directory)
    assert run_command(load_verb("run"), shlex.split(error.value.help.split(": ", 1)[1])[1:]) == 0
    assert report.read(directory).steps == 3 * STEPS


def test_auto_starts_a_run_resumes_it_and_returns_it_when_it_is_finished(plan):
    with (
        pytest.warns(UserWarning, match="no unfinished run of this recipe has a checkpoint: .* is new"),
        pytest.raises(Stopped),
    ):
        run(plan, "auto", [StopAfter(STEPS + 1)])
    directory = unfinished_run(plan)
    assert run(plan, "auto") == directory
    watcher = Watcher()
    with pytest.warns(UserWarning, match="is finished: nothing to resume"):
        assert run(plan, "auto", [watcher]) == directory
    assert not watcher.epochs

    other = load(plan.source, [*SETTINGS, "evaluate.seeds=[2]"])
    with pytest.raises(CodaarError, match="was evaluated with other settings") as error:
        run(other, "auto")
    assert error.value.help.startswith("evaluate it again: codaar-run ")


def fails(directory: Path) -> Path:
    """A report that cannot be written."""
    raise CodaarError("the disk is full")


def test_only_the_report_is_written_if_only_the_report_is_missing(plan):
    with pytest.raises(CodaarError, match="the disk is full"):
        run(plan, write_report=fails)
    directory, watcher = unfinished_run(plan), Watcher()
    results = (directory / "results.json").read_bytes()
    assert run(plan, "auto", [watcher], write_report=report.write) == directory
    assert watcher.heads == 0 and watcher.finished == [1, 2, 3]
    assert (directory / "report.html").is_file() and (directory / "results.json").read_bytes() == results
    assert RunDirectory(directory).status()["status"] == "finished"


def test_results_of_other_settings_are_not_completed(plan):
    with pytest.raises(CodaarError, match="the disk is full"):
        run(plan, write_report=fails)
    other, watcher = load(plan.source, [*SETTINGS, "evaluate.seeds=[1, 2]"]), Watcher()
    run(other, "auto", [watcher], write_report=report.write)
    assert watcher.heads == 2, "the heads of seed 1 are finished"


DAMAGE = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "cut off": b'{"status": "fin',
    "not UTF-8": b"\xff\xfe\x00",
    "other types": b'{"status": 3, "format": "x", "step": "y", "epochs": 1, "best": 2}',
    "nested": b"[" * 100_000,
}
RECORDS = ("status.json", "metrics.csv", "events.jsonl", "lock.toml", "resolved.toml", "results.json")


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_runs_do_not_stop_the_others(recipe, copied, early, finished, damage):
    for name in RECORDS:
        (copied() / name).write_bytes(DAMAGE[damage])
    for folder in (copied() / "checkpoints").iterdir():
        (folder / "state.json").write_bytes(DAMAGE[damage])
    for file in copied().rglob("*"):
        if file.is_file():
            file.write_bytes(DAMAGE[damage])
    assert finished_run(recipe) == finished
    resumable = unfinished_run(recipe)
    assert resumable is not None and RunDirectory(resumable).status()["status"] == "failed"
    listed = {each.path: each.status for each in list_runs(early.parents[1])}
    assert listed[early] == "failed" and listed[finished] == "finished" and "unreadable" in listed.values()


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "resolved.toml"])
@pytest.mark.parametrize("damage", ["empty", "list", "not UTF-8", "other types"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_with_damaged_records_is_resumed_by_name(recipe, copied, finished, name, damage):
    directory = copied()
    (directory / name).write_bytes(DAMAGE[damage])
    run(recipe, str(directory), write_report=report.write)
    found, expected = contents(directory), contents(finished)
    curves = {"events.jsonl", "results.json"} if name == "events.jsonl" else set()  # of the steps before
    assert {name for name in expected if found.get(name) != expected[name]} <= curves


def test_a_damaged_run_is_named(recipe, copied):
    directory = copied()
    (directory / "status.json").write_text("")
    with pytest.warns(UserWarning, match=rf"{directory.name}/status.json is damaged: .*--resume"):
        unfinished_run(recipe)


@pytest.mark.slow
def test_two_ranks_resume_from_the_same_checkpoint_and_complete_a_report(tmp_path):
    plan, watcher = toy_plan(tmp_path, *SETTINGS, "device.processes=2"), Watcher()
    directory = stopped(plan, STEPS + 2)
    with pytest.raises(CodaarError, match="the disk is full"):
        run(plan, "auto", [watcher], write_report=fails)
    assert watcher.finished == [1] and watcher.epochs == [2, 3]
    again = Watcher()
    assert run(plan, "auto", [again], write_report=report.write) == directory
    assert again.finished == [1, 2, 3] and not again.epochs
    assert RunDirectory(directory).status()["status"] == "finished"


@pytest.mark.parametrize(
    ("setting", "line"), [("device.deterministic", "deterministic = false"), ("quantizer.learned", "learned = ")]
)
def test_a_setting_that_the_version_of_the_run_lacked_has_its_default(recipe, copied, setting, line):
    directory = copied()
    resolved = directory / "resolved.toml"
    lines = resolved.read_text("utf-8").splitlines(keepends=True)
    kept = [each for each in lines if not each.startswith(line)]
    assert len(kept) == len(lines) - 1
    resolved.write_text("".join(kept), "utf-8")
    refuse_changes(recipe, RunDirectory(directory))
    other = load(recipe.source, [*SETTINGS, f"{setting}=true"])
    with pytest.raises(CodaarError, match=f"{setting} was False, is True") as refused:
        refuse_changes(other, RunDirectory(directory))
    assert refused.value.message.count(" was ") == 1
