"""codaar export: writes a trained model to a folder that can be shared."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options


@click.command("export", cls=options.Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", metavar="FOLDER", required=True, type=click.Path(path_type=Path), help="New folder to write.")
@click.option("--best", is_flag=True, help="Export the checkpoint best-STEP instead of the newest.")
@click.option(
    "--licence",
    default="",
    metavar="TERMS",
    help="Terms of the weights, e.g. CC-BY-4.0; without it, the folder says that none are stated.",
)
def verb(run: Path, to: Path, best: bool, licence: str) -> None:
    """Write the model of a run to a folder to share.

    The folder has the weights, a recipe that rebuilds the model without its data, the scores and a model card
    (README.md) for the Hugging Face hub. It contains no paths of this machine.

    \b
    codaar export runs/avt/STAMP --to avt
    codaar encode avt --to codes.h5 --modality NAME features/NAME
    """
    import codaar_core
    from codaar_core.engine.exported.manifest import read_manifest

    folder = codaar_core.export(run, to, best, licence)
    manifest = read_manifest(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    click.echo(f"{folder}: {manifest.parameters:,} trained values, {size / 1e6:,.1f} MB; read README.md before sharing")
