"""codaar inspect: documentation, settings and TOML block of one component."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.columns import print_columns
from codaar_core.cli.completion import components

if TYPE_CHECKING:
    from codaar_core.recipe.inspection import Setting


@click.command("inspect", cls=options.Verb)
@click.argument("component", metavar="KIND:NAME", shell_complete=components)
@click.option("--modalities", metavar="A,B,...", help="Modalities for which to print the matrix of an alignment step.")
@options.plugins
def verb(component: str, modalities: str | None, plugins: tuple[Path, ...]) -> None:
    """Show a component, its settings and its TOML block.

    \b
    codaar inspect loss:NAME
    codaar inspect alignment:PROVIDER:NAME --modalities A,B,C
    """
    from codaar_core.recipe import inspect

    names = [name.strip() for name in modalities.split(",")] if modalities else ()
    found = inspect(component, names, plugins)
    click.secho(f"{found.entry.kind} {found.entry.full_name}", bold=True)
    click.echo(f"{found.entry.package}\n{found.place}\n\n{found.doc}")
    if found.settings:
        click.secho("\nsettings", bold=True)
        rows = [(each.name, each.type, each.default or "required", meaning(each)) for each in found.settings]
        print_columns(rows, indent="  ")
    for form in found.closed_forms:
        click.secho("\nclosed form", bold=True, nl=False)
        click.echo(": each row is a weighted sum of")
        print_columns([("", *form.modalities), *zip(form.modalities, *zip(*form.rows, strict=True), strict=True)], "  ")
    click.secho("\non the command line" if found.entry.kind == "extractor" else "\nin a recipe", bold=True)
    click.echo(found.block)


def meaning(setting: Setting) -> str:
    """The help of a setting, with its deprecated name if it has one."""
    former = f"former name, deprecated: {setting.formerly}" if setting.formerly else ""
    return "; ".join(filter(None, (setting.meaning, former)))
