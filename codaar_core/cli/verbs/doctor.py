"""codaar doctor: checks of the installation."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.findings import print_findings


@click.command("doctor", cls=options.Verb)
@click.option("--runs", type=click.Path(path_type=Path), default="runs", metavar="DIR", help="The runs folder.")
@click.pass_context
def verb(context: click.Context, runs: Path) -> None:
    """Check Python, torch, plug-ins and the runs folder.

    Imports every component. Exit code 1 if a check fails.

    \b
    codaar doctor
    codaar doctor --runs /scratch/runs
    """
    from codaar_core.cli.commands import VERBS
    from codaar_core.registry.doctor import doctor

    findings = doctor(runs, VERBS)
    print_findings(findings)
    if any(found.state == "broken" for found in findings):
        context.exit(1)
