"""codaar data pack, codaar data verify: features in one memory-mapped file per split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.completion import names_of

if TYPE_CHECKING:
    from codaar_core.features import Packed


@click.command("pack", cls=options.Verb)
@click.argument("name", metavar="NAME|RECIPE", shell_complete=names_of("data"))
@click.option("--to", metavar="FOLDER", required=True, help="Folder of the packed splits.")
@click.option("--split", default="pretrain", metavar="SPLIT", show_default=True, help="Split to pack.")
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="Precision of the features.",
)
@click.option("--bench", metavar="BENCH", help="Pack the splits that a run reads of [bench.BENCH] instead.")
@options.overrides
@options.plugins
def pack(
    name: str,
    to: str,
    split: str,
    bench: str | None,
    dtype: Literal["float16", "float32"],
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Write a split as one file that is read many times faster.

    Repeated after an interruption, the command continues. Training reads the file with
    -o data.use=packed -o data.folder=FOLDER.

    \b
    codaar data pack recipes/avt.toml --to packed/avt
    codaar data pack NAME --to packed/mine -o data.root=features

    With --bench, every split that a run of the recipe reads of this benchmark is written, one
    file per role and modality. The run reads them with -o bench.BENCH.packed=FOLDER.

    \b
    codaar data pack recipes/avt.toml --bench classification --to packed/classification
    """
    import codaar_core

    if bench is not None and click.get_current_context().get_parameter_source("split") != ParameterSource.DEFAULT:
        raise click.UsageError("--bench packs every split that a run reads; leave out --split")
    with progress_of("pack") as progress:
        if bench is None:
            done = [codaar_core.pack_data(name, to, split, dtype, overrides, plugins, progress)]
        else:
            done = codaar_core.pack_benchmark(name, bench, to, dtype, overrides, plugins, progress)
    for packed in done:
        _tell(packed)


def _tell(packed: Packed) -> None:
    for what in packed.bad.values():
        click.echo(printable(f"left out: {what}"))
    left_out = f", {len(packed.bad):,} left out" if packed.bad else ""
    click.echo(f"{packed.path}: {packed.clips:,} clips, {packed.size / 1e6:,.1f} MB{left_out}")


@click.command("verify", cls=options.Verb)
@click.argument("file", type=click.Path(path_type=Path))
def verify(file: Path) -> None:
    """Compare every clip of a packed file with its checksum.

    \b
    codaar data verify packed/avt/pretrain.h5
    """
    import codaar_core

    with progress_of("verify") as progress:
        clips = codaar_core.verify_packed(file, progress)
    click.echo(f"{file} is intact: {clips:,} clips")


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with clips a second and the time left on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, rate="")

        def update(done: int, clips: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=clips, rate=f"{speed:,.0f}/s" if speed else "")

        yield update
