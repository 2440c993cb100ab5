"""Commands of plug-ins: listing, calling, and broken commands."""

from __future__ import annotations

from importlib import metadata

import pytest

from codaar_core.cli.commands import VERBS
from codaar_core.registry import doctor, installed

POINTS = {
    "greet": "offered_greeting:greet",
    "absent": "no_such_module:verb",
    "number": "offered_greeting:number",
    "run": "no_such_module:run",  # core's own verbs come first
}


@pytest.fixture(autouse=True)
def offered(monkeypatch, tmp_path):
    (tmp_path / "offered_greeting.py").write_text(
        "import click\nnumber = 3\n@click.command('greet')\n@click.argument('whom')\n"
        "def greet(whom):\n    'Say hello.'\n    click.echo(f'hello {whom}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = [metadata.EntryPoint(name, value, installed.COMMANDS) for name, value in POINTS.items()]
    monkeypatch.setattr(installed.metadata, "entry_points", lambda group: points)


def test_help_lists_commands_of_plugins_even_broken_ones(call):
    code, out, _ = call("--help")
    listed = out.partition("Commands:")[2]
    assert code == 0
    assert "Say hello." in listed and "Could not be loaded." in listed
    assert all(verb in listed for verb in VERBS)


def test_doctor_names_a_command_that_is_hidden_by_a_verb(call, monkeypatch):
    (hidden,) = [found for found in doctor.check_commands(VERBS) if "'run'" in found.message]
    assert hidden.state == "broken" and "codaar has a command of this name" in hidden.message
    monkeypatch.setattr(doctor, "doctor", lambda runs, built_in: [*doctor.check_commands(built_in)])
    code, out, _ = call("doctor")
    assert code == 1 and "codaar has a command of this name" in " ".join(out.split())


def test_a_command_of_a_plugin_is_called(call):
    assert call("greet", "you") == (0, "hello you\n", "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent", "No module named 'no_such_module'"), ("number", "offered_greeting:number is not a click command")],
)
def test_a_broken_command_gives_the_reason_when_it_is_called(call, name, reason):
    code, _, err = call(name, "--some", "thing")
    assert code == 1 and f"error: the command {name} of" in err and reason in err


def test_a_verb_of_core_cannot_be_replaced(call):
    code, out, _ = call("run", "--help")
    assert code == 0 and "Pretrain" in out


def test_a_misspelt_command_gets_a_suggestion(call):
    code, _, err = call("greets")
    assert code == 2 and "greet" in err
