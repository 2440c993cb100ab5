"""Help of the command line and of every verb."""

from __future__ import annotations

import pytest

from codaar_core.cli.commands import VERBS, load_verb
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


def test_codaar_run_is_the_verb_run(capsys):
    assert run_command(load_verb("run"), ["--help"], "codaar-run") == 0
    assert "Usage: codaar-run [OPTIONS] RECIPE" in capsys.readouterr().out


def test_an_unknown_verb(call):
    code, _, error = call("explian", "small.toml")
    assert code == 2 and "did you mean 'explain'?" in error
