"""Names: everything in a new plug-in that is called after it."""

from __future__ import annotations

import keyword
import re

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.registry import installed_plugins, known_plugins
from codaar_core.registry.entry import PREFIX


class Refused(CodaarError):
    """A plug-in that cannot be made as asked."""

    exit_code = 2
    code = "no-new-plugin"  # its heading in docs/errors.md


@attrs.frozen
class Names:
    """What follows from the name of a plug-in, e.g. ``gated-mask``."""

    name: str  # of the component in recipes, and of its provider

    @property
    def distribution(self) -> str:
        """``codaar-plugin-gated-mask``: what is installed."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """``codaar_plugin_gated_mask``: what is imported."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """``gated_mask``: the file of the component."""
        return self.name.replace("-", "_")

    @property
    def component(self) -> str:
        """``GatedMask``: its class."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def names_of(name: str) -> Names:
    """The names of a new plug-in.

    Raises:
        Refused: Packages, modules or classes cannot be called so, or a plug-in of that name is known.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise Refused(f"a plug-in cannot be called {name!r}", _spelt_right(name))
    if name.startswith(PREFIX):
        raise Refused(f"{PREFIX!r} is put before the name by itself", f"call it {name.removeprefix(PREFIX)!r}")
    names = Names(name)
    if keyword.iskeyword(names.module) or keyword.iskeyword(names.component):
        raise Refused(f"{name!r} is a word of Python's own", f"call it {f'my-{name}'!r}, say")
    taken = [*(each.distribution for each in installed_plugins()), *(each.distribution for each in known_plugins())]
    if names.distribution in taken:
        raise Refused(f"there is a {names.distribution} already", "`codaar list plugins` shows which names are taken")
    return names


def _spelt_right(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    suggestion = "-".join(words).lstrip("0123456789-")
    rule = "small letters and numbers, words joined by hyphens"
    return f"{rule}: {suggestion!r}" if suggestion else rule
