"""codaar run: pretraining, evaluation and report of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.completion import runs_to_resume
from codaar_core.cli.errors import INTERRUPTED
from codaar_core.cli.notes import print_notes_before_run

if TYPE_CHECKING:
    from codaar_core.recipe import Plan


@click.command("run", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option("--directory", metavar="DIR", help="Folder of run directories; short for -o run.directory=DIR.")
@click.option(
    "--resume",
    metavar="RUN|auto",
    shell_complete=runs_to_resume,
    help="Resume a run directory; auto: the newest unfinished one, or start a new run if there is none.",
)
@click.option(
    "--locked",
    is_flag=False,
    flag_value="",
    metavar="[LOCK]",
    help="Run only if everything matches a lock: a lock file or a run directory; default: RECIPE.lock.toml.",
)
@click.option(
    "--reuse", is_flag=True, help="Take over the pretraining of an earlier run, of any name, with the same weights."
)
def verb(
    recipe: Path,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    directory: str | None,
    resume: str | None,
    locked: str | None,
    reuse: bool,
) -> None:
    """Pretrain, evaluate every transfer, report.

    \b
    codaar run recipes/avt.toml
    codaar run recipes/avt.toml -o optimizer.lr=1e-4 -o model.align=[]
    codaar run recipes/avt.toml --resume auto
    codaar run recipes/avt.toml --locked
    """
    from codaar_core.recipe import literal, load

    if directory is not None:
        overrides = (*overrides, f"run.directory={literal(directory)}")
    plan = load(recipe, overrides, plugins)
    print_notes_before_run(plan.notes)

    from rich.console import Console

    import codaar_core
    from codaar_core import report
    from codaar_core.cli.progress import Progress
    from codaar_core.engine import is_first

    console = Console()
    progress = Progress(console)
    try:
        finished = codaar_core.run(
            plan, resume=resume, observers=[progress], locked=lock_of(recipe, locked), reuse=reuse
        )
    except KeyboardInterrupt as end:
        raise stopped(progress.checkpoint, plan, getattr(end, "exit_code", INTERRUPTED)) from None
    if not is_first():
        return
    report.terminal(report.read(finished), console)
    console.print(f"report: {finished / 'report.html'}", highlight=False, soft_wrap=True)


def lock_of(recipe: Path, locked: str | None) -> Path | None:
    """The lock of ``--locked``; without a value, the one beside the recipe."""
    if locked is None:
        return None
    return Path(locked) if locked else recipe.with_suffix(".lock.toml")


def stopped(checkpoint: Path | None, plan: Plan, exit_code: int) -> Exception:
    """The error of a run that was interrupted a second time, before it could save a checkpoint."""
    from codaar_core.api.errors import CodaarError
    from codaar_core.engine.record.lock import resume_command

    if checkpoint is None:
        error = CodaarError("interrupted before the first checkpoint was saved")
    else:
        command = resume_command(plan, checkpoint.parent.parent)
        error = CodaarError(f"interrupted; the last checkpoint is {checkpoint}", command)
    error.exit_code = exit_code
    return error
