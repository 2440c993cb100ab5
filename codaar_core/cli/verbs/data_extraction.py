"""codaar data extract: turns recordings or sentences into one feature file each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.completion import names_of
from codaar_core.cli.verbs.data_packing import progress_of


@click.command("extract", cls=options.Verb)
@click.argument("name", metavar="EXTRACTOR", shell_complete=names_of("extractor"))
@click.argument("folder", metavar="FOLDER|TABLE", type=click.Path(path_type=Path))
@click.option("--to", metavar="FOLDER", required=True, type=click.Path(path_type=Path), help="Folder of the features.")
@click.option("-o", "settings", multiple=True, metavar="SETTING=VALUE", help="Set a setting of the extractor.")
@options.device("--on")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes that share the recordings."
)
@options.plugins
def extract(
    name: str,
    folder: Path,
    to: Path,
    settings: tuple[str, ...],
    on: Literal["auto", "cpu", "cuda", "mps"],
    processes: int,
    plugins: tuple[Path, ...],
) -> None:
    """Turn every recording of a folder, or every sentence of a table, into features.

    ID.wav becomes ID.npy; extraction.toml records extractor, settings and weights. Repeated
    after an interruption, the command continues. `codaar list extractors` lists extractors.

    \b
    codaar data extract NAME recordings --to features -o weights=weights.pth

    Extractors of sentences read a table with a column id and one of sentences. Several
    sentences of one id become ID#0.npy, ID#1.npy, ...

    \b
    codaar data extract NAME captions.csv --to features
    """
    import codaar_core

    with progress_of("extract") as progress:
        extracted = codaar_core.extract_features(name, folder, to, settings, plugins, on, progress, processes)
    called = "sentences" if folder.is_file() else "recordings"
    made = f"{extracted.recordings:,} {called}, {extracted.new:,} of them new, made by {extracted.made_by}"
    click.echo(f"{extracted.folder}: {made}")
    for note in extracted.notes:
        click.echo(printable(f"note: {note}"), err=True)
