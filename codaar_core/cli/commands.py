"""``codaar``: a group of verbs, one file each; a verb is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from codaar_core.cli.errors import TRACEBACK
from codaar_core.cli.plugin_commands import load_plugin_command
from codaar_core.registry import did_you_mean
from codaar_core.registry.installed import plugin_commands

VERBS = (
    *("init", "run", "sweep", "validate", "explain", "diff", "schema", "list", "inspect", "data", "encode", "search"),
    *("export", "evaluate", "report", "compare", "atlas", "lock", "doctor", "new-plugin", "check-plugin", "registry"),
)


def load_verb(name: str) -> click.Command:
    """Import the command of a verb."""
    return import_module(f"codaar_core.cli.verbs.{name.replace('-', '_')}").verb


class Verbs(click.Group):
    """Lists the verbs by name, and imports a verb when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The verbs in the order of a typical workflow, then the commands of plug-ins."""
        return [*VERBS, *(name for name in plugin_commands() if name not in VERBS)]

    def get_command(self, context: click.Context, name: str) -> click.Command:
        """Import one verb, or the command of a plug-in."""
        if name in VERBS:
            return load_verb(name)
        verbs = self.list_commands(context)
        if name not in verbs:
            known = did_you_mean(name, verbs) or f"The verbs are {', '.join(verbs)}."
            raise click.UsageError(f"There is no verb {name!r}: {known}", context)
        return load_plugin_command(plugin_commands()[name])


@click.group(cls=Verbs, params=[TRACEBACK], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codaar-core", prog_name="codaar-core")
def codaar() -> None:
    """Cross-modal discrete representation learning by recipes.

    A recipe is a TOML file: blocks define components, lists switch blocks on.

    \b
    extends = ["base.toml"]  inherit a recipe: tables merge, lists and values
                             are replaced; a block with another `use` replaces
                             the inherited block
    unset = ["losses.x"]     remove an inherited block or value
    -o path=value            set a value, as a last file that extends the
                             recipe would; a value that is not TOML is a string
    ${a.b}  ${env:NAME}      copy another value with its type; read an
                             environment variable

    \b
    Exit codes: 0 success, 1 failed while running, 2 error in the recipe or the
    command line (nothing was run), 3 different from the lock (`--locked`),
    130 interrupted, 143 stopped by SIGTERM (a checkpoint was saved).
    """
