"""The index of known plug-ins: which plug-in provides a component that is not installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import attrs
import tomli

FORMAT = 1
IN_WHEEL = Path(__file__).with_name("plugins.toml")
IN_CHECKOUT = Path(__file__).resolve().parents[3] / "registry" / "plugins.toml"


@attrs.frozen
class Known:
    """A plug-in of the index."""

    distribution: str
    provider: str
    summary: str
    status: str  # official, community, incubating or retired
    source: str
    licence: str
    core: str
    provides: tuple[str, ...]  # "kind:name"
    data: str = ""  # terms of use of the data it reads


@cache
def known_plugins() -> tuple[Known, ...]:
    """All plug-ins of the index, which is shipped with core and needs no network."""
    path = IN_WHEEL if IN_WHEEL.exists() else IN_CHECKOUT
    listed = tomli.loads(path.read_text("utf-8"))["plugins"] if path.exists() else {}
    return tuple(
        Known(distribution, **{**fields, "provides": tuple(fields["provides"])})
        for distribution, fields in listed.items()
    )


def plugins_offering(kind: str, name: str, provider: str = "") -> list[Known]:
    """The plug-ins of the index that provide a component."""
    return [
        plugin
        for plugin in known_plugins()
        if f"{kind}:{name}" in plugin.provides and provider in ("", plugin.provider)
    ]
