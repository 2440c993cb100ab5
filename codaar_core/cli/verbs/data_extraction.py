"""codaar data extract: turns recordings or sentences into one feature file each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.completion import names_of
from codaar_core.cli.verbs.data_packing import progress_of


@click.command("extract", cls=options.Verb)
@click.argument("name", metavar="EXTRACTOR", shell_complete=names_of("extractor"))
@click.argument("sources", metavar="FOLDER|TABLE|ID=SENTENCE...", nargs=-1, required=True, type=click.Path())
@click.option("--to", metavar="FOLDER", required=True, type=click.Path(path_type=Path), help="Folder of the features.")
@click.option("-o", "settings", multiple=True, metavar="SETTING=VALUE", help="Set a setting of the extractor.")
@options.device("--on")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes that share the recordings."
)
@options.plugins
def extract(
    name: str,
    sources: tuple[str, ...],
    to: Path,
    settings: tuple[str, ...],
    on: Literal["auto", "cpu", "cuda", "mps"],
    processes: int,
    plugins: tuple[Path, ...],
) -> None:
    """Turn every recording of a folder, every sentence of a table, or the given sentences into features.

    ID.wav becomes ID.npy; extraction.toml records extractor, settings and weights. Repeated
    after an interruption, the command continues. `codaar list extractors` lists extractors.

    \b
    codaar data extract NAME recordings --to features -o weights=weights.pth

    Extractors of sentences read a table with a column id and one of sentences, or sentences
    of the command itself. Several sentences of one id become ID#0.npy, ID#1.npy, ...

    \b
    codaar data extract NAME captions.csv --to features
    codaar data extract NAME rain="rain falls" dog="a dog barks" --to features
    """
    import codaar_core

    given = _path_or_sentences(sources)
    with progress_of("extract") as progress:
        extracted = codaar_core.extract_features(name, given, to, settings, plugins, on, progress, processes)
    called = "recordings" if isinstance(given, Path) and given.is_dir() else "sentences"
    made = f"{extracted.recordings:,} {called}, {extracted.new:,} of them new, made by {extracted.made_by}"
    click.echo(f"{extracted.folder}: {made}")
    for note in extracted.notes:
        click.echo(printable(f"note: {note}"), err=True)


def _path_or_sentences(sources: tuple[str, ...]) -> Path | Mapping[str, list[str]]:
    """A folder or table, or sentences by id.

    Raises:
        UsageError: Several are given, and one of them is no sentence.
    """
    if len(sources) == 1 and ("=" not in sources[0] or Path(sources[0]).exists()):
        return Path(sources[0])
    sentences: defaultdict[str, list[str]] = defaultdict(list)
    for source in sources:
        id_, sign, sentence = source.partition("=")
        if not sign:
            raise click.UsageError(f"expected one folder or table, or sentences as ID=SENTENCE, got {source!r} too")
        sentences[id_].append(sentence)
    return sentences
