"""codaar data: shows terms and state of data sources, extracts features and packs them."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.columns import print_columns
from codaar_core.cli.completion import names_of
from codaar_core.cli.verbs.data_extraction import extract
from codaar_core.cli.verbs.data_packing import pack, verify


class DataVerbs(click.Group):
    """A group whose default verb is ``show``."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Insert ``show`` if no verb is named."""
        if arguments and not {*self.commands, "-h", "--help"} & {arguments[0]}:
            arguments = ["show", *arguments]
        return super().parse_args(context, arguments)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs and the names that ``show`` accepts."""
        names = names_of("data")(context, self.commands["show"].params[0], incomplete)
        return [*super().shell_complete(context, incomplete), *map(CompletionItem, names)]


@click.group(
    "data", cls=DataVerbs, context_settings={"help_option_names": ["-h", "--help"]}, params=[options.TRACEBACK]
)
def verb() -> None:
    """Show data sources; extract and pack features.

    \b
    codaar data NAME                 of a component
    codaar data recipes/avt.toml     of a recipe, with a check that its files exist
    codaar data extract NAME recordings --to features
    codaar data pack recipes/avt.toml --to packed/avt
    codaar data verify packed/avt/pretrain.h5
    """


@verb.command("show", cls=options.Verb)
@click.argument("name", metavar="NAME|RECIPE", shell_complete=names_of("data"))
@options.overrides
@options.plugins
def show(name: str, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Show the terms of data and how to get them; the word `show` may be left out.

    \b
    codaar data NAME                 of a component
    codaar data recipes/avt.toml     of a recipe, with a check that its files exist
    """
    from codaar_core.engine import data_card, data_of

    found = data_of(name, overrides, plugins) if name.endswith(".toml") else data_card(name, plugins)
    card = found.card
    click.secho(f"data {found.entry.full_name}", bold=True)
    rows = {"title": card.title, "licence": card.licence, "to get it": card.how_to_get, "homepage": card.homepage}
    print_columns([(key, value) for key, value in rows.items() if value], indent="  ")
    for line in found.inventory:
        click.echo(printable(line))
    if found.missing is not None:
        raise found.missing
    if found.found:
        click.echo(printable(f"found: {found.found}"))


verb.add_command(extract)
verb.add_command(pack)
verb.add_command(verify)
