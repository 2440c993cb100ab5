"""codaar check-plugin: the conformance kit, put to an installed plug-in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from codaar_core.api.errors import CodaarError
from codaar_core.cli import options
from codaar_core.cli.columns import print_columns
from codaar_core.cli.errors import coloured

if TYPE_CHECKING:
    from codaar_core.testing import Outcome

STATES = ("passed", "failed", "skipped", "expected")


@click.command("check-plugin", cls=options.Verb)
@click.argument("name")
def verb(name: str) -> None:
    """Check an installed plug-in.

    Every component is put to the conformance checks of its kind; each failure says what was expected, what came, and
    what to change. In the tests of the plug-in, one line does the same:

    \b
    test_conformance = codaar_checks("codaar-plugin-NAME")

    Exit code 1 if a check fails.

    \b
    codaar check-plugin mine
    """
    from codaar_core import check_plugin

    outcomes = check_plugin(name)
    print_table(outcomes)
    for outcome in outcomes:
        if outcome.state == "expected":
            click.echo(f"{outcome.id} fails as declared: {outcome.message}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        print_failure(outcome)
    refuse(failed, len(outcomes))


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Print how many checks of each component passed and how many did not."""
    by_subject = [(name, list(of)) for name, of in groupby(outcomes, key=subject)]
    shown = [state for state in STATES if state == "passed" or any(each.state == state for each in outcomes)]
    print_columns([("", *shown), *((name, *counted(of, shown)) for name, of in by_subject)])


def subject(outcome: Outcome) -> str:
    """``kind:name``."""
    return outcome.id.rpartition(":")[0]


def counted(outcomes: Sequence[Outcome], states: Sequence[str]) -> list[str]:
    """How often each state occurs; an empty string for never."""
    counts: Counter[str] = Counter(outcome.state for outcome in outcomes)
    return [str(counts[state] or "") for state in states]


def print_failure(outcome: Outcome) -> None:
    """Print the rule, and how it is broken."""
    click.secho(f"\n{outcome.id}", bold=True)
    click.echo(f"   {outcome.reason}")
    click.echo("\n".join(map(coloured, outcome.message.splitlines())))


def refuse(failed: Sequence[Outcome], total: int) -> None:
    """End with an error where a check failed."""
    if failed:
        click.echo()
        raise CodaarError(f"{len(failed)} of {total} checks failed")
    click.echo(f"{total} checks, nothing failed.")
