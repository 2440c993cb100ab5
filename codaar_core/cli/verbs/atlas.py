"""codaar atlas: a page that shows what each codeword of a model stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from codaar_core.cli import options
from codaar_core.cli.verbs.data_packing import progress_of


@click.command("atlas", cls=options.Verb)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--split",
    metavar="SPLIT",
    help='Clips to show, as for `codaar encode`: "test of BENCH" or "pretrain". By default the test clips of the '
    "benchmark of the recipe with the most detailed labels.",
)
@click.option(
    "--codes",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file of `codaar encode` whose codes are shown instead; may be repeated.",
)
@click.option(
    "--to", metavar="FILE", type=click.Path(path_type=Path), help="Page to write.  [default: MODEL/atlas.html]"
)
@click.option(
    "--clips",
    type=click.IntRange(1, 50),
    default=6,
    show_default=True,
    help="Clips shown for each codeword and modality.",
)
@options.device("--device")
@click.option("--best", is_flag=True, help="Use the checkpoint best-STEP instead of the newest.")
@options.overrides
@options.plugins
def verb(
    model: Path,
    split: str | None,
    codes: tuple[Path, ...],
    to: Path | None,
    clips: int,
    device: Literal["auto", "cpu", "cuda", "mps"],
    best: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Write a page that shows what each codeword stands for.

    MODEL is a run directory, or a folder that `codaar export` wrote; for the latter, give files of its codes with
    --codes. The page is one file, which opens in any browser without a network.
    docs/atlas.md describes it.

    Repeated after an interruption, the command continues.

    \b
    codaar atlas runs/avt/STAMP
    codaar atlas runs/avt/STAMP --split "test of classification" --to classification.html
    codaar atlas runs/avt/STAMP --codes codes.h5
    """
    import codaar_core

    with progress_of("encode") as progress:
        page = codaar_core.atlas(model, split, codes, to, clips, device, best, overrides, progress, plugins)
    click.echo(f"atlas: {page}")
