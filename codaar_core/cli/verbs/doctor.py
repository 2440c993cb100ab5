"""codaar doctor: whether what is installed is fit for use."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.findings import print_findings


@click.command("doctor", cls=options.Verb)
@click.option("--runs", type=click.Path(path_type=Path), default="runs", metavar="DIR", help="Folder of run folders.")
@click.pass_context
def verb(context: click.Context, runs: Path) -> None:
    """Check Python, torch, plug-ins and the folder of runs.

    Imports every component. Exit code 1 if something is broken.
    """
    from codaar_core.registry.doctor import doctor

    findings = doctor(runs)
    print_findings(findings)
    if any(found.state == "broken" for found in findings):
        context.exit(1)
