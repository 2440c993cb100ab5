"""codaar sweep: several runs and the table of their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.notes import print_notes_before_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codaar_core.recipe import Plan
    from codaar_core.recipe.sweep import Sweep
    from codaar_core.sweep import Position
    from codaar_core.sweep.plot import Plot
    from codaar_core.sweep.running import Measured


@click.command("sweep", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option("--arm", "arms", multiple=True, metavar="NAME", help="Run only this arm; may be repeated.")
@click.option("--table", is_flag=True, help="Run nothing; print the table of the finished runs.")
@click.option("--plot", "with_plot", is_flag=True, help="Also draw the columns over the setting that sweep.plot names.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1), metavar="N", help="Runs at once; default: 1 here, all on a cluster."
)
@click.option(
    "--launch",
    type=click.Choice(["local", "slurm"]),
    help="Start each run as a process of this machine or as a job of a Slurm cluster.",
)
@click.option(
    "--slurm", multiple=True, metavar="NAME=VALUE", help="Option of sbatch for every job, e.g. time=600 (minutes)."
)
def verb(
    recipe: Path,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    arms: tuple[str, ...],
    table: bool,
    with_plot: bool,
    jobs: int | None,
    launch: str | None,
    slurm: tuple[str, ...],
) -> None:
    """Run every arm of a sweep and print its table.

    All arms are built and tried on synthetic data before the first run. The same command, given again, keeps finished
    runs and resumes interrupted ones.

    \b
    codaar sweep recipes/ablations/sweep.toml
    codaar sweep recipes/paper/table1.toml --arm codaar
    codaar sweep recipes/ablations/sweep.toml -j 4
    codaar sweep recipes/paper/figure7.toml --table --plot
    codaar sweep recipes/ablations/sweep.toml --launch slurm --slurm time=600 --slurm partition=gpu
    """
    options_of_sbatch = dict(map(option_of_sbatch, slurm))

    from codaar_core.recipe.sweep import load_sweep

    sweep = load_sweep(recipe, overrides, plugins)
    print_notes_before_run(note for arm in sweep.arms for plan in arm.plans for note in plan.notes)

    from codaar_core.api.errors import CodaarError
    from codaar_core.features.files import write_whole
    from codaar_core.sweep import as_markdown, run_sweep, with_columns
    from codaar_core.sweep.plot import plot

    if with_plot:
        plot(sweep, [])  # raises what is wrong with it before anything is run
    measured = run_sweep(sweep, arms, progress, not table, announce, jobs, launch, options_of_sbatch)
    sweep = with_columns(sweep, measured)
    written = as_markdown(sweep, measured)
    sweep.directory.mkdir(parents=True, exist_ok=True)
    write_whole(sweep.directory / "table.md", written)
    click.echo(written)
    click.echo(f"table: {sweep.directory / 'table.md'}")
    if with_plot:
        draw(sweep, measured, plot(sweep, measured))
    failures = [failure for each in measured for failure in each.failures]
    if failures:
        runs = "1 run" if len(failures) == 1 else f"{len(failures)} runs"
        listed = "".join(f"\n{failure}" for failure in failures)
        raise CodaarError(f"{runs} failed:{listed}", "give the same command again to retry")


def draw(sweep: Sweep, measured: Sequence[Measured], drawn: Plot) -> None:
    """Write the page and the picture of a sweep, and print where they are."""
    from codaar_core.features.files import write_whole
    from codaar_core.sweep.page import as_page, as_svg

    page, picture = sweep.directory / "sweep.html", sweep.directory / "plot.svg"
    if not drawn.panels:
        unfinished = not any(each.results for each in measured)
        why = "no run is finished" if unfinished else "no finished run has a number in any of the columns"
        click.echo(f"plot: nothing to draw, {why}")
        return
    write_whole(page, as_page(sweep, measured, drawn))
    write_whole(picture, as_svg(sweep, drawn))
    click.echo(f"plot: {page}, {picture}")


def progress(plan: Plan) -> list[object]:
    """The display of a run, in the process of the run."""
    from rich.console import Console

    from codaar_core.cli.progress import Progress

    return [Progress(Console())]


def announce(run: Position) -> None:
    """Print which run begins."""
    click.echo(begun(run))


def option_of_sbatch(given: str) -> tuple[str, str]:
    """Name and value of ``NAME=VALUE``."""
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise click.UsageError(f"--slurm {given}: write NAME=VALUE, e.g. --slurm partition=gpu")
    return name.lstrip("-"), value


def begun(run: Position) -> str:
    """``arm 3 of 12: no-alignment, seed 43; about 2 h 10 min left; log: FILE``."""
    left = "" if run.seconds_left is None else f"; about {duration(run.seconds_left)} left"
    log = "" if run.log is None else f"; log: {run.log}"
    return f"arm {run.number} of {run.arms}: {run.arm}, seed {run.seed}{left}{log}"


def duration(seconds: float) -> str:
    """Hours and minutes; seconds below two minutes."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
