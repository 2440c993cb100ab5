"""``codaar``: a group of verbs, one file each, imported when needed."""

from __future__ import annotations

from importlib import import_module

import click

from codaar_core.cli.guard import TRACEBACK
from codaar_core.cli.offered import load_offered
from codaar_core.registry import did_you_mean
from codaar_core.registry.commands import offered_commands

VERBS = (
    *("run", "sweep", "validate", "explain", "diff", "schema", "list", "inspect", "data", "report", "lock", "doctor"),
    *("new-plugin", "check-plugin", "registry"),
)


def load_verb(name: str) -> click.Command:
    """The command of a verb."""
    return import_module(f"codaar_core.cli.verbs.{name.replace('-', '_')}").verb


class Verbs(click.Group):
    """Knows the verbs by name and imports those that are used."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order in which they are needed; then those of plug-ins."""
        return [*VERBS, *(name for name in offered_commands() if name not in VERBS)]

    def get_command(self, context: click.Context, name: str) -> click.Command:
        """Import one verb."""
        if name in VERBS:
            return load_verb(name)
        verbs = self.list_commands(context)
        if name not in verbs:
            known = did_you_mean(name, verbs) or f"The verbs are {', '.join(verbs)}."
            raise click.UsageError(f"There is no verb {name!r}: {known}", context)
        return load_offered(offered_commands()[name])


@click.group(cls=Verbs, params=[TRACEBACK], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codaar-core", prog_name="codaar-core")
def codaar() -> None:
    """Cross-modal discrete representation learning by recipes.

    A recipe is a TOML file: blocks define, lists switch on. Its rules are few:

    \b
    extends = ["base.toml"]  tables merge, lists and values replace; a block
                             whose `use` differs replaces the old one whole
    unset = ["losses.x"]     removes what was inherited
    -o path=value            the same, as if in a last file that extends the
                             recipe; what is no TOML is taken as a string
    ${a.b}  ${env:NAME}      copies another value with its type; reads the
                             environment

    \b
    Exit codes: 0 good, 1 failed while running, 2 the recipe or the command is
    wrong (nothing was run), 3 something differs from the lock (`--locked`),
    130 interrupted, 143 by SIGTERM (the state is kept).
    """
