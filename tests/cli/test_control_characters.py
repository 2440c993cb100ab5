"""Text from outside cannot control the terminal: its control characters are replaced wherever it is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import click
import pytest
from sample_results import sample_results

from codaar_core.api import CodaarError
from codaar_core.api.control_characters import REPLACEMENT, printable
from codaar_core.cli.columns import print_columns
from codaar_core.cli.errors import run_command
from codaar_core.cli.findings import print_findings
from codaar_core.engine.results import as_json
from codaar_core.engine.results.conversion import parse
from codaar_core.recipe import as_github
from codaar_core.recipe.toml.problem import Problem
from codaar_core.registry.finding import Finding

EVIL = "a\x1b[2J\x07\x9b31m\u202eb\r\x7f"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def test_each_control_character_is_replaced_by_one_character():
    assert printable(EVIL) == f"a{REPLACEMENT}[2J{REPLACEMENT * 2}31m{REPLACEMENT}b{REPLACEMENT * 2}"
    assert printable("tab\tand\nnewline, ä, 漢字") == "tab\tand\nnewline, ä, 漢字"


def fail(error: Exception) -> None:
    @click.command()
    def verb() -> None:
        raise error

    run_command(verb, [], "codaar")


@pytest.mark.parametrize(
    "show",
    [
        lambda: print_columns([(EVIL, EVIL)], indent="  "),
        lambda: print_findings([Finding("broken", EVIL, EVIL)]),
        lambda: fail(CodaarError(EVIL, EVIL)),
        lambda: fail(ValueError(EVIL)),
        lambda: click.echo(str(Problem("sweep", EVIL, None, EVIL))),
        lambda: click.echo(as_github([Problem("sweep", EVIL, None, EVIL)])),
        lambda: click.echo(parse(as_json(attrs.evolve(sample_results(), name=EVIL))).name),
    ],
)
def test_printed_text_has_no_control_characters(show, capsys):
    show()
    said = "".join(capsys.readouterr())
    assert "a" in said and REPLACEMENT in said and not CONTROL.search(said)


def test_runs_of_others_are_listed_without_control_characters(call):
    run = Path("runs") / "name\x1b[2J" / "2026-01-01T00-00-00"
    run.mkdir(parents=True)
    (run / "status.json").write_text(json.dumps({"status": EVIL}))
    code, out, _ = call("list", "runs")
    assert code == 0 and "name" in out and not CONTROL.search(out)
