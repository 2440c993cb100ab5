"""``codaar tuxpaint``: from the stamps of Tux Paint to a folder of features and tables."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_plugin_tuxpaint.stamps import DEBIAN


def _languages(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(filter(None, value.split(",")))


@click.command("tuxpaint", short_help="Make features of the stamps of Tux Paint.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--stamps",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEBIAN,
    show_default=True,
    help="Folder of the stamps; that of Debian's package tuxpaint-stamps-default.",
)
@click.option(
    "--pretrain",
    default="fr,ro,ru,bg",
    show_default=True,
    callback=_languages,
    help="Languages of the descriptions that are heard in pretraining.",
)
@click.option("--validation", default="ca", show_default=True, help="Language of the validation clips.")
@click.option("--test", default="es", show_default=True, help="Language of the test clips.")
@click.option("--least", default=30, show_default=True, type=click.IntRange(1), help="Pictures that a kind must have.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="Processes for the features.")
def tuxpaint(
    folder: Path, stamps: Path, pretrain: tuple[str, ...], validation: str, test: str, least: int, processes: int
) -> None:
    """Write features and tables of captioned, spoken pictures to FOLDER, for recipes/tuxpaint.toml.

    Pictures and recordings are linked, not copied. After an interruption, the same command continues.

    \b
    sudo apt-get install tuxpaint-stamps-default
    pip install 'codaar-plugin-tuxpaint[features]'
    codaar tuxpaint tuxpaint-data
    codaar-run recipes/tuxpaint.toml -o data.root=tuxpaint-data
    """
    from codaar_plugin_tuxpaint.features import extract_all, refuse_missing_packages
    from codaar_plugin_tuxpaint.folder import Voices, write_folder
    from codaar_plugin_tuxpaint.stamps import find_stamps

    found = find_stamps(stamps, least)
    refuse_missing_packages()
    write_folder(folder, found, Voices(pretrain, validation, test))
    for why, count in found.left_out.items():
        click.echo(f"left out: {count:,} of: {why}")
    click.echo(f"{len(found.each):,} pictures, described in {', '.join((*pretrain, validation, test))}")
    for line in extract_all(folder, processes):
        click.echo(line)
