"""The names that follow from the name of a new plug-in."""

from __future__ import annotations

import keyword
import re

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.registry import installed_plugins, known_plugins
from codaar_core.registry.entry import PREFIX


class Refused(CodaarError):
    """A plug-in cannot be created as requested."""

    exit_code = 2
    code = "no-new-plugin"  # its heading in docs/errors.md


@attrs.frozen
class Names:
    """The names of a plug-in, e.g. of ``gated-mask``."""

    name: str  # of the component and of its provider in recipes

    @property
    def distribution(self) -> str:
        """``codaar-plugin-gated-mask``: the distribution."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """``codaar_plugin_gated_mask``: the package."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """``gated_mask``: the module of the component."""
        return self.name.replace("-", "_")

    @property
    def component(self) -> str:
        """``GatedMask``: the class of the component."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def names_of(name: str) -> Names:
    """Derive the names of a new plug-in from its name.

    Raises:
        Refused: The name is not valid for packages, modules or classes, or a plug-in of this name is known.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise Refused(f"{name!r} is not a valid name of a plug-in", _valid_spelling(name))
    if name.startswith(PREFIX):
        raise Refused(f"{PREFIX!r} is added to the name automatically", f"give the name {name.removeprefix(PREFIX)!r}")
    names = Names(name)
    if keyword.iskeyword(names.module) or keyword.iskeyword(names.component):
        raise Refused(f"{name!r} is a keyword of Python", f"use another name, e.g. {f'my-{name}'!r}")
    taken = [*(each.distribution for each in installed_plugins()), *(each.distribution for each in known_plugins())]
    if names.distribution in taken:
        raise Refused(f"the name {names.distribution} is taken", "`codaar list plugins` lists the taken names")
    return names


def _valid_spelling(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    suggestion = "-".join(words).lstrip("0123456789-")
    rule = "use a-z and 0-9, words joined by hyphens"
    return f"{rule}: {suggestion!r}" if suggestion else rule
