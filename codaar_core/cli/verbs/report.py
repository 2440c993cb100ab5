"""codaar report: the page of a finished run."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options


@click.command("report", cls=options.Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--control", type=click.Path(path_type=Path), metavar="RUN", help="A run to compare with.")
def verb(run: Path, control: Path | None) -> None:
    """Write report.html of a finished run, once more.

    RUN is a run directory; of a folder of runs, the newest finished one is taken.

    \b
    codaar report runs/demo/STAMP
    codaar report runs/demo
    """
    from codaar_core import report

    other = None if control is None else newest_of(control)
    click.echo(f"report: {report.write(newest_of(run), other)}")


def newest_of(folder: Path) -> Path:
    """The newest finished run, which is named, of a folder of runs; any other folder as it is."""
    from codaar_core.report.runs import newest_finished

    is_run = any((folder / name).exists() for name in ("status.json", "results.json"))
    newest = None if is_run else newest_finished(folder)
    if newest is None:
        return folder
    click.echo(f"newest finished run of {folder}: {newest.name}")
    return newest
