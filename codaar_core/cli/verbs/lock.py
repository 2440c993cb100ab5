"""codaar lock: versions, sources and data of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codaar_core.api.control_characters import printable
from codaar_core.cli import options
from codaar_core.cli.columns import print_columns


@click.command("lock", cls=options.Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-O", "output", type=click.Path(path_type=Path), metavar="FILE", help="Write the lock to a file.")
def verb(run: Path, output: Path | None) -> None:
    """Show the lock of a run.

    A lock lists the versions of packages, the recipe files, and the checksums of components and data of a run.

    \b
    codaar lock runs/avt/STAMP
    codaar lock runs/avt/STAMP -O recipes/avt.lock.toml
    codaar run recipes/avt.toml --locked       fails if anything differs
    """
    import tomli_w

    from codaar_core.engine import read_lock

    found = read_lock(run)
    if output is not None:
        output.write_text(tomli_w.dumps(found), "utf-8")
        return
    for name, part in found.items():
        click.secho(printable(name), bold=True, nl=isinstance(part, dict))
        if isinstance(part, dict):
            print_columns(rows(name, part) or [("-",)], indent="  ")
        else:
            click.echo(f"  {printable(str(part))}")


def rows(name: str, part: dict[str, Any]) -> list[tuple[str, ...]]:
    """The lines of one part of a lock: one per component, package, file or value."""
    from codaar_core.engine import shown

    if name == "components":
        return [(path, each["name"], shown(each["source"])) for path, each in part.items()]
    flat = {**part["files"], **part["overrides"]} if name == "recipe" else part
    return [(key, shown(value)) for key, value in flat.items()]
