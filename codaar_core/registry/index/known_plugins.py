"""The index of known plug-ins: who provides a name that is not installed."""

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
    """One plug-in that the index lists."""

    distribution: str
    provider: str
    summary: str
    status: str  # official, community, incubating or retired
    source: str
    licence: str
    core: str
    provides: tuple[str, ...]  # "kind:name"
    data: str = ""  # terms of the data it reads


@cache
def known_plugins() -> tuple[Known, ...]:
    """All plug-ins of the index; works offline, because the index comes with core."""
    path = IN_WHEEL if IN_WHEEL.exists() else IN_CHECKOUT
    listed = tomli.loads(path.read_text("utf-8"))["plugins"] if path.exists() else {}
    return tuple(
        Known(distribution, **{**fields, "provides": tuple(fields["provides"])})
        for distribution, fields in listed.items()
    )


def plugins_offering(kind: str, name: str, provider: str = "") -> list[Known]:
    """The listed plug-ins that provide a component."""
    return [
        plugin
        for plugin in known_plugins()
        if f"{kind}:{name}" in plugin.provides and provider in ("", plugin.provider)
    ]
