"""Help of the command line and of every verb."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from codaar_core.cli.commands import VERBS, codaar, load_verb
from codaar_core.cli.completion import runs_to_resume
from codaar_core.cli.errors import run_command


def test_help_names_verbs_rules_and_exit_codes(call):
    code, out, _ = call("--help")
    assert code == 0
    for promise in (*VERBS, "extends", "unset", "-o path=value", "${a.b}", "${env:NAME}", "130 interrupted"):
        assert promise in out
    assert "..." not in out.partition("Commands:")[2]  # every summary fits


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call, verb):
    code, out, _ = call(verb, "-h")
    assert code == 0 and "--traceback" in out


def commands() -> Iterator[tuple[str, ...]]:
    """The words that call each verb, those of groups too."""
    for verb in VERBS:
        command = load_verb(verb)
        yield (verb,)
        if isinstance(command, click.Group):
            yield from ((verb, inner) for inner in command.commands)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_help_has_an_example(call, words):
    """A line of its own that calls the verb, as one would type it."""
    code, out, _ = call(*words, "--help")
    called = "codaar " + " ".join(word for word in words if word != "show")  # may be left out
    assert code == 0
    assert any(line.strip().startswith(called) for line in out.splitlines()), out


def test_codaar_run_is_the_verb_run(capsys):
    assert run_command(load_verb("run"), ["--help"], "codaar-run") == 0
    assert "Usage: codaar-run [OPTIONS] RECIPE" in capsys.readouterr().out


def test_an_unknown_verb(call):
    code, _, error = call("explian", "small.toml")
    assert code == 2 and "did you mean 'explain'?" in error


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "small.toml", "--epochs", "3"], "'--epochs': settings of the recipe are given by -o run.epochs=3"),
        (["sweep", "small.toml", "--seed=4"], "'--seed': settings of the recipe are given by -o run.seed=4"),
        (["validate", "small.toml", "--log-every"], "by -o run.log_every=VALUE"),
        (["run", "small.toml", "--codes", "9"], "settings of the recipe are given by -o PATH=VALUE"),
        (["run", "small.toml", "--resum", "auto"], "No such option '--resum'"),
        (["inspect", "loss:toy-loss", "--epochs", "3"], "No such option '--epochs'"),
    ],
)
def test_an_option_that_is_a_setting_of_the_recipe(call, words, hint):
    code, _, error = call(*words)
    assert code == 2 and hint in " ".join(error.split())


def test_run_directories_are_completed(here):
    for stamp in ("2026-01-01T00-00-00", "2026-01-02T00-00-00"):
        (here / "runs" / "avt" / stamp).mkdir(parents=True)
        (here / "runs" / "avt" / stamp / "status.json").touch()
    newest, oldest = "runs/avt/2026-01-02T00-00-00", "runs/avt/2026-01-01T00-00-00"
    assert runs_to_resume(None, None, "") == ["auto", newest, oldest]
    assert runs_to_resume(None, None, "runs/avt/2026-01-01") == [oldest]


@pytest.mark.parametrize(
    ("program", "variable"), [("codaar", "_CODAAR_COMPLETE"), ("codaar-run", "_CODAAR_RUN_COMPLETE")]
)
def test_both_programs_complete_in_a_shell(monkeypatch, capsys, program, variable):
    """As bash asks for completions."""
    monkeypatch.setenv(variable, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"{program} --resu" if program == "codaar-run" else f"{program} run --resu")
    monkeypatch.setenv("COMP_CWORD", "1" if program == "codaar-run" else "2")
    command = load_verb("run") if program == "codaar-run" else codaar
    with pytest.raises(SystemExit, match="0"):
        run_command(command, [], program)
    assert capsys.readouterr().out == "plain,--resume\n"
