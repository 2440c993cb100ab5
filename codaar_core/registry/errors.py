"""Errors of looking up and importing a component."""

from __future__ import annotations

from codaar_core.api.errors import CodaarError


class RegistryError(CodaarError):
    """A component cannot be used; the framework adds the line of the recipe that names it."""

    exit_code = 2
    code = "unknown-name"  # its heading in docs/errors.md


class UnknownName(RegistryError):
    """No installed or known plug-in has a component of this name."""


class NotInstalled(RegistryError):
    """A plug-in of the index has this component, but it is not installed."""

    code = "not-installed"

    def __init__(self, message: str, help: str = "", packages: tuple[str, ...] = ()) -> None:
        super().__init__(message, help)
        self.packages = packages  # distributions that have it, of which one is enough


class NameClash(RegistryError):
    """Several installed packages have a component of this name."""

    code = "name-clash"


class LoadProblem(RegistryError):
    """The component was found, but it cannot be imported or does not fulfil its contract."""

    code = "broken-plugin"


class Incompatible(LoadProblem):
    """The package of the component requires another version of codaar-core."""

    code = "incompatible-plugin"
