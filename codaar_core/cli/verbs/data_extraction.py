"""codaar data extract: recordings -> one file of features each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from codaar_core.cli import options
from codaar_core.cli.completion import names_of
from codaar_core.cli.verbs.data_packing import progress_of


@click.command("extract", cls=options.Verb)
@click.argument("name", metavar="EXTRACTOR", shell_complete=names_of("extractor"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", metavar="FOLDER", required=True, type=click.Path(path_type=Path), help="Where the features go.")
@click.option("-o", "settings", multiple=True, metavar="SETTING=VALUE", help="Set a setting of the extractor.")
@click.option(
    "--on",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where the network computes; auto takes a GPU where there is one.",
)
@options.plugins
def extract(
    name: str,
    folder: Path,
    to: Path,
    settings: tuple[str, ...],
    on: Literal["auto", "cpu", "cuda", "mps"],
    plugins: tuple[Path, ...],
) -> None:
    """Turn every recording of a folder into features.

    ID.wav becomes ID.npy, and extraction.toml says what made them. Once more after an
    interruption, it goes on where it was. `codaar list extractors` shows what there is.

    \b
    codaar data extract NAME recordings --to features -o weights=weights.pth
    """
    import codaar_core

    with progress_of("extract") as progress:
        extracted = codaar_core.extract_features(name, folder, to, settings, plugins, on, progress)
    made = f"{extracted.recordings:,} recordings, {extracted.new:,} of them new, made by {extracted.made_by}"
    click.echo(f"{extracted.folder}: {made}")
