"""codaar report: the page of a finished run."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options


@click.command("report", cls=options.Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--control", type=click.Path(path_type=Path), metavar="RUN", help="A run to compare with.")
def verb(run: Path, control: Path | None) -> None:
    """Write report.html of a finished run, once more."""
    from codaar_core import report

    click.echo(f"report: {report.write(run, control)}")
