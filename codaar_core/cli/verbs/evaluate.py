"""codaar evaluate: benchmarks on a finished model."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options


@click.command("evaluate", cls=options.Verb)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recipe", type=click.Path(path_type=Path), required=False)
@options.overrides
@options.plugins
@click.option(
    "--device",
    metavar="DEVICE",
    help="auto, cpu, mps, cuda or cuda:N; short for -o device.on=DEVICE. Default: as the recipe says.",
)
@click.option("--best", is_flag=True, help="Evaluate the checkpoint best-STEP instead of the newest.")
@click.option(
    "--to",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder of evaluations; default: MODEL/evaluations.",
)
@click.option("--resume", is_flag=True, help="Continue the newest unfinished evaluation with the same settings.")
def verb(
    model: Path,
    recipe: Path | None,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    device: str | None,
    best: bool,
    to: Path | None,
    resume: bool,
) -> None:
    """Evaluate a finished model on benchmarks.

    MODEL is a run directory or an exported model. RECIPE says on what; without it, the recipe of the model does. Tables
    that RECIPE lacks are those of the model. Nothing is trained but heads. Each evaluation has a folder
    MODEL/evaluations/STAMP of its own; finished ones are never overwritten.

    \b
    codaar evaluate runs/avt/STAMP
    codaar evaluate runs/avt/STAMP other.toml
    codaar evaluate runs/avt/STAMP -o evaluate.on=[retrieval] -o evaluate.seeds=[1,2,3]
    """
    from rich.console import Console

    import codaar_core
    from codaar_core import report
    from codaar_core.cli.progress import Progress
    from codaar_core.engine import is_first
    from codaar_core.recipe import literal

    if device is not None:
        overrides = (*overrides, f"device.on={literal(device)}")
    console = Console()
    evaluated = codaar_core.evaluate(model, recipe, overrides, plugins, best, [Progress(console)], resume, to)
    if not is_first():
        return
    report.terminal(report.read(evaluated), console)
    console.print(f"report: {evaluated / 'report.html'}", highlight=False, soft_wrap=True)
