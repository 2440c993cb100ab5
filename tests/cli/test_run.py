"""codaar run and codaar report, with a stand-in for the engine; and exit codes and messages of failures."""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path

import click
import pytest
from toy_plugins import SMALL

from codaar_core.api import CodaarError
from codaar_core.cli import errors
from codaar_core.cli.errors import run_command


def test_run(call, engine):
    code, out, error = call("run", "small.toml", "-o", "run.epochs=1", "--directory", "5", "--resume", "auto")
    assert (code, error) == (0, "")
    assert out == "table of what is in finished\nreport: finished/report.html\n"
    assert (engine["plan"].run.epochs, engine["plan"].run.directory, engine["resume"]) == (1, "5", "auto")


def test_a_run_prints_only_notes_with_a_suggestion(call, engine):
    blocks = "[losses.toy-los]\ndepth = 2\n[align.x]\nuse = 'toy-align'\n"
    Path("more.toml").write_text(SMALL + blocks)
    code, _, error = call("run", "more.toml", "-o", "model.losses=['toy-loss']")
    assert code == 0
    assert error.startswith("note[unused-block]: [losses.toy-los] is not switched on\n") and error.count("note[") == 1


@pytest.mark.parametrize(
    ("words", "lock"), [([], None), (["--locked"], Path("small.lock.toml")), (["--locked", "runs/x"], Path("runs/x"))]
)
def test_which_lock_is_used(call, engine, words, lock):
    assert call("run", "small.toml", *words)[0] == 0
    assert engine["locked"] == lock


def test_a_recipe_with_errors_is_not_run(call, engine):
    code, _, error = call("run", "small.toml", "-o", "run.epochs=x")
    assert code == 2 and "nothing was run" in error and not engine


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (CodaarError("the disk is full", "make room"), 1, "error: the disk is full\n   = help: make room\n"),
        (KeyboardInterrupt(), 130, "error: interrupted before the first checkpoint was saved\n"),
    ],
)
def test_a_run_that_fails(call, engine, failure, code, said):
    engine["fails"] = failure
    assert call("run", "small.toml") == (code, "", said)


def test_an_error_of_the_framework_is_to_be_reported(call, monkeypatch, engine):
    monkeypatch.setattr("codaar_core.cli.errors.line_of_plugin", lambda error: None)
    engine["fails"] = ZeroDivisionError("division\nby zero")
    code, _, error = call("run", "small.toml")
    assert code == 1
    assert error == (
        "error: unexpected ZeroDivisionError: division by zero\n"
        "   = help: `--traceback` shows the source line; please report it\n"
    )


def test_an_error_of_a_file_of_ones_own_names_the_line(call, monkeypatch, engine):
    Path("own.py").write_text("def raise_it():\n    return 1 / 0\n")
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.setattr("codaar_core.engine.run", lambda *_, **__: importlib.import_module("own").raise_it())
    code, _, error = call("run", "small.toml")
    assert code == 1
    assert error.startswith(
        "error: unexpected ZeroDivisionError: division by zero (own.py:2)\n   = help: that line belongs"
    )


def test_a_line_of_the_framework_or_of_a_library_is_not_that_of_a_plugin():
    def called_by_the_framework(function):
        code = compile("def call(function):\n    function()\n", str(errors.CORE / "engine" / "run.py"), "exec")
        exec(code, names := {})
        names["call"](function)

    with pytest.raises(ValueError) as raised:
        called_by_the_framework(lambda: json.loads("{"))
    assert Path(__file__).name in errors.line_of_plugin(raised.value)  # which called the library
    for library in (json.JSONDecoder().decode, functools.partial(getattr, 1, "x")):
        with pytest.raises((TypeError, AttributeError)) as raised:
            called_by_the_framework(library)
        assert errors.line_of_plugin(raised.value) is None


def test_traceback_is_printed_on_request(call, engine):
    engine["fails"] = ZeroDivisionError("x")
    for arguments in (["--traceback", "run", "small.toml"], ["run", "small.toml", "--traceback"]):
        code, _, error = call(*arguments)
        assert code == 1 and error.startswith("Traceback (most recent call last)")


def test_an_interruption_names_the_last_checkpoint(call, monkeypatch, engine):
    from codaar_core import engine as module

    def run(plan, resume=None, observers=(), locked=None, write_report=None, reuse=False):
        observers[0].codaar_checkpoint_saved(Path("runs/small/T/checkpoints/step-4"))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", run)
    assert call("run", "small.toml") == (
        130,
        "",
        "error: interrupted; the last checkpoint is runs/small/T/checkpoints/step-4\n"
        "   = help: codaar-run small.toml --resume runs/small/T\n",
    )


def test_ctrl_c_outside_of_a_run(capsys):
    @click.command()
    def command():
        raise KeyboardInterrupt

    assert run_command(command, [], "x") == 130
    assert capsys.readouterr().err.strip() == "error: interrupted"


def test_report_of_the_newest_finished_run(call, engine):
    for stamp, status in (("2026-01-01", "finished"), ("2026-01-02", "finished"), ("2026-01-03", "failed")):
        run = Path("runs/small", stamp)
        run.mkdir(parents=True)
        (run / "status.json").write_text(f'{{"status": "{status}"}}')
    said = "newest finished run of runs/small: 2026-01-02\n"
    assert call("report", "runs/small")[:2] == (0, f"{said}report: runs/small/2026-01-02/report.html\n")
    assert call("report", "runs/small/2026-01-01")[1] == "report: runs/small/2026-01-01/report.html\n"
    assert call("report", "runs/small/2026-01-01", "--control", "runs/small")[1].startswith(said)


def test_report(call, engine):
    Path("run").mkdir()
    assert call("report", "run", "--control", "run")[:2] == (0, "report: run/report.html\n")
