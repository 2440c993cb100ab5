"""codaar run: a recipe from beginning to end."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.guard import INTERRUPTED


@click.command("run", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option("--directory", metavar="DIR", help="Where run folders go; the same as -o run.directory=DIR.")
@click.option("--resume", metavar="RUN|auto", help="Go on with a run folder, or with the newest unfinished one.")
def verb(
    recipe: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...], directory: str | None, resume: str | None
) -> None:
    """Pretrain, evaluate every transfer, report.

    \b
    codaar run recipes/avt.toml
    codaar run recipes/avt.toml -o optimizer.lr=1e-4 -o model.align=[]
    codaar run recipes/avt.toml --resume auto
    """
    from codaar_core.recipe import literal, load

    if directory is not None:
        overrides = (*overrides, f"run.directory={literal(directory)}")
    plan = load(recipe, overrides, plugins)

    from rich.console import Console

    import codaar_core
    from codaar_core import report
    from codaar_core.cli.progress import Progress

    console = Console()
    progress = Progress(console)
    try:
        finished = codaar_core.run(plan, resume=resume, observers=[progress])
    except KeyboardInterrupt:
        raise stopped(progress.checkpoint, recipe) from None
    report.terminal(report.read(finished), console)
    console.print(f"report: {finished / 'report.html'}", highlight=False, soft_wrap=True)


def stopped(checkpoint: Path | None, recipe: Path) -> Exception:
    """The end of a run that was told twice to stop."""
    from codaar_core.api.errors import CodaarError

    if checkpoint is None:
        error = CodaarError("interrupted before anything was saved")
    else:
        command = f"codaar-run {recipe} --resume {checkpoint.parent.parent}"
        error = CodaarError(f"interrupted; the last saved state is {checkpoint}", command)
    error.exit_code = INTERRUPTED
    return error
