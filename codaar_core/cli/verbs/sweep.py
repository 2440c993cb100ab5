"""codaar sweep: several runs and the table of their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.notes import print_notes_before_run

if TYPE_CHECKING:
    from codaar_core.sweep import Position


@click.command("sweep", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option("--arm", "arms", multiple=True, metavar="NAME", help="Run only this arm; may be repeated.")
@click.option("--table", is_flag=True, help="Run nothing; print the table of the finished runs.")
def verb(
    recipe: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...], arms: tuple[str, ...], table: bool
) -> None:
    """Run every arm of a sweep and print its table.

    All arms are built and tried on synthetic data before the first run. The same command, given again, keeps finished
    runs and resumes interrupted ones.

    \b
    codaar sweep recipes/ablations/sweep.toml
    codaar sweep recipes/paper/table1.toml --arm codaar
    """
    from codaar_core.recipe.sweep import load_sweep

    sweep = load_sweep(recipe, overrides, plugins)
    print_notes_before_run(note for arm in sweep.arms for plan in arm.plans for note in plan.notes)

    from rich.console import Console

    from codaar_core.api.errors import CodaarError
    from codaar_core.cli.progress import Progress
    from codaar_core.sweep import as_markdown, run_sweep

    console = Console()
    measured = run_sweep(sweep, arms, lambda plan: [Progress(console)], not table, lambda run: click.echo(begun(run)))
    written = as_markdown(sweep, measured)
    sweep.directory.mkdir(parents=True, exist_ok=True)
    (sweep.directory / "table.md").write_text(written, "utf-8")
    click.echo(written)
    click.echo(f"table: {sweep.directory / 'table.md'}")
    failures = [failure for each in measured for failure in each.failures]
    if failures:
        runs = "1 run" if len(failures) == 1 else f"{len(failures)} runs"
        listed = "".join(f"\n{failure}" for failure in failures)
        raise CodaarError(f"{runs} failed:{listed}", "give the same command again to retry")


def begun(run: Position) -> str:
    """``arm 3 of 12: no-alignment, seed 43; about 2 h 10 min left``."""
    left = "" if run.seconds_left is None else f"; about {duration(run.seconds_left)} left"
    return f"arm {run.number} of {run.arms}: {run.arm}, seed {run.seed}{left}"


def duration(seconds: float) -> str:
    """Hours and minutes; seconds below two minutes."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
