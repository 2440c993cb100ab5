"""What can be wrong with the name of a component, and with the component behind it."""

from __future__ import annotations

from codaar_core.api.errors import CodaarError


class RegistryError(CodaarError):
    """A recipe names a component that cannot be used; the recipe's line is added by the framework."""

    exit_code = 2
    code = "unknown-name"  # its heading in docs/errors.md


class UnknownName(RegistryError):
    """Nobody offers this name."""


class NotInstalled(RegistryError):
    """A known plug-in offers this name, but it is not installed."""

    code = "not-installed"


class Clash(RegistryError):
    """Several installed packages offer this name."""

    code = "name-clash"


class LoadProblem(RegistryError):
    """The component was found, but it cannot be imported or does not fulfil its contract."""

    code = "broken-plugin"


class Incompatible(LoadProblem):
    """The component's package wants another version of core."""

    code = "incompatible-plugin"
