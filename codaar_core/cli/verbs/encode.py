"""codaar encode: writes the codes of clips to a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import click

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.verbs.data_packing import progress_of


@click.command("encode", cls=options.Verb)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to", metavar="FILE", required=True, type=click.Path(path_type=Path), help="File to write: HDF5, or FILE.parquet."
)
@click.option(
    "--split",
    default="pretrain",
    metavar="SPLIT",
    show_default=True,
    help='Split of the data of the run, or of a benchmark of its recipe: "test of BENCH".',
)
@click.option("--packed", metavar="FILE", type=click.Path(path_type=Path), help="Encode the clips of a packed file.")
@click.option(
    "--modality",
    "folders",
    nargs=2,
    multiple=True,
    type=(str, click.Path(path_type=Path)),
    metavar="MODALITY FOLDER",
    help="Encode features ID.npy of one modality; may be repeated.",
)
@click.option(
    "--recordings",
    nargs=3,
    multiple=True,
    type=(str, str, click.Path(path_type=Path)),
    metavar="MODALITY EXTRACTOR FOLDER",
    help="Extract features of recordings and encode them; may be repeated.",
)
@click.option(
    "--extractor-setting",
    "extractor_settings",
    multiple=True,
    metavar="MODALITY.SETTING=VALUE",
    help="Set a setting of an extractor; may be repeated.",
)
@click.option(
    "--with",
    "extra",
    multiple=True,
    type=click.Choice(["latents", "vectors", "distances"]),
    help="Also write latents, codewords, or distances to all codewords; may be repeated.",
)
@click.option("--jsonl", metavar="FILE", type=click.Path(path_type=Path), help="Also write one line of JSON per clip.")
@click.option(
    "--bad-clips",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="Whether unreadable clips, and clips with NaN, are an error or are left out.",
)
@options.device("--device")
@click.option("--batch", type=click.IntRange(1), default=100, show_default=True, help="Clips encoded at once.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes that share the clips."
)
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Length of a time step.")
@click.option("--best", is_flag=True, help="Use the checkpoint best-STEP instead of the newest.")
@options.overrides
@options.plugins
def verb(
    model: Path,
    to: Path,
    split: str,
    packed: Path | None,
    folders: tuple[tuple[str, Path], ...],
    recordings: tuple[tuple[str, str, Path], ...],
    extractor_settings: tuple[str, ...],
    extra: tuple[Literal["latents", "vectors", "distances"], ...],
    jsonl: Path | None,
    bad_clips: Literal["refuse", "skip"],
    device: Literal["auto", "cpu", "cuda", "mps"],
    batch: int,
    processes: int,
    seconds: float,
    best: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Write the codes of clips to an HDF5 or parquet file.

    MODEL is a run directory, or a folder that `codaar export` wrote.

    Repeated after an interruption, the command continues. docs/codes.md describes the file.

    \b
    codaar encode runs/avt/STAMP --to codes.h5
    codaar encode runs/avt/STAMP --to codes.h5 --split "test of classification"
    codaar encode runs/avt/STAMP --to codes.h5 --packed packed/avt/pretrain.h5
    codaar encode runs/avt/STAMP --to codes.h5 --modality NAME features/NAME
    codaar encode runs/avt/STAMP --to codes.h5 --recordings NAME EXTRACTOR recordings
    """
    import codaar_core

    start = time.monotonic()
    with progress_of("encode") as progress:
        encoded = codaar_core.encode(
            model,
            to,
            split,
            packed,
            folders,
            extra,
            jsonl,
            bad_clips,
            device,
            batch,
            seconds,
            best,
            overrides,
            progress,
            recordings,
            extractor_settings,
            processes,
            plugins,
        )
    for id, reason in encoded.bad.items():
        click.echo(printable(f"left out: {id}: {reason}"))
    if encoded.resumed:
        click.echo(f"continued: {encoded.resumed:,} clips were encoded by an earlier call")
    clips = ", ".join(f"{count:,} clips of {modality}" for modality, count in encoded.clips.items())
    left_out = f", {len(encoded.bad):,} left out" if encoded.bad else ""
    click.echo(f"{encoded.path}: {clips}, {encoded.codes:,} codes{left_out} ({time.monotonic() - start:,.1f} s)")
