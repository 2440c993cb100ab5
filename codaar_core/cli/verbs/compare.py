"""codaar compare: the scores of several runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from codaar_core.cli import options


def _file(flag: str, what: str) -> Callable[[Any], Any]:
    return click.option(flag, metavar="FILE", type=click.Path(path_type=Path), help=f"Also write {what}.")


@click.command("compare", cls=options.Verb)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@_file("--html", "a self-contained page")
@_file("--csv", "a table of comma-separated values")
@_file("--latex", "a LaTeX table (booktabs)")
def verb(runs: tuple[Path, ...], html: Path | None, csv: Path | None, latex: Path | None) -> None:
    """Show the scores of several runs side by side.

    RUN is a run directory, an evaluation (RUN/evaluations/STAMP) or an exported model. The best score of each row is
    bold. Differences are taken from the first run. The terminal shows the first metric of each benchmark, files all.

    \b
    codaar compare runs/avt/STAMP runs/nothing/STAMP
    codaar compare runs/*/* --html comparison.html --latex table.tex
    """
    from rich.console import Console

    import codaar_core
    from codaar_core.features.files import write_whole
    from codaar_core.report.compare.terminal import print_comparison

    comparison = codaar_core.compare(runs)
    print_comparison(comparison, Console())
    for path, content in ((html, comparison.as_html), (csv, comparison.as_csv), (latex, comparison.as_latex)):
        if path is not None:
            write_whole(path, content())
            click.echo(f"written: {path}")
