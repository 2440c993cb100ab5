"""codaar registry: maintenance of the index of known plug-ins."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.findings import print_findings

root = click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Root of a checkout; default: here.",
)


@click.group("registry", context_settings={"help_option_names": ["-h", "--help"]}, params=[options.TRACEBACK])
def verb() -> None:
    """Check and update the index of plug-ins.

    \b
    codaar registry verify
    codaar registry sync
    codaar registry entry mine
    """


@verb.command("verify", cls=options.Verb)
@root
@click.pass_context
def verify(context: click.Context, root: Path) -> None:
    """Check the index.

    Checks the format, names and licences of registry/plugins.toml, and that it matches the plug-ins of the checkout.

    \b
    codaar registry verify --root .
    """
    from codaar_core.registry.index.maintenance import verify_index

    findings = verify_index(root)
    print_findings(findings)
    if any(finding.state == "broken" for finding in findings):
        context.exit(1)
    click.echo("registry/plugins.toml is valid.")


@verb.command("sync", cls=options.Verb)
@root
def sync(root: Path) -> None:
    """Update the index from the plug-ins of the checkout.

    \b
    codaar registry sync --root .
    """
    from codaar_core.registry.index.maintenance import sync_index

    click.echo(f"wrote {sync_index(root)}")


@verb.command("entry", cls=options.Verb)
@click.argument("name")
def entry(name: str) -> None:
    """Print the index entry of an installed plug-in.

    \b
    codaar registry entry mine
    """
    from codaar_core.registry.index.maintenance import index_entry

    click.echo(index_entry(name), nl=False)
