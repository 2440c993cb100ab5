"""codaar new-plugin: a plug-in from templates."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.completion import kinds
from codaar_core.registry import KINDS, join_or


@click.command("new-plugin", cls=options.Verb)
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    metavar="KIND",
    shell_complete=kinds,
    help=f"Kind of the component: {join_or(list(KINDS))}.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Where to create its folder.",
)
@click.option(
    "--checkout",
    default="",
    metavar="URL",
    help="Git repository from which the CI of the plug-in installs CoDAAR, instead of PyPI.",
)
def verb(name: str, kind: str, into: Path, checkout: str) -> None:
    """Write a new plug-in that works.

    The plug-in is a complete distribution with one small component, which passes the conformance kit and runs in a
    recipe. Replace the code of the component by your own.

    \b
    codaar new-plugin mine --kind alignment
    codaar new-plugin mine --kind loss --checkout https://github.com/OWNER/REPOSITORY
    """
    from codaar_core import new_plugin

    folder = new_plugin(name, kind, into, checkout)
    click.echo(f"{folder}:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        click.echo(f"  {path.relative_to(folder)}")
    click.secho("\nnext", bold=True)
    click.echo(f"  cd {folder}")
    click.echo('  python -m pip install -e ".[test,demo]"')
    click.echo(f"  codaar check-plugin {name}")
    click.echo("  codaar-run recipes/demo.toml")
