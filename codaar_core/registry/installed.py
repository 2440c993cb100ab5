"""What the installed distributions offer: components and commands."""

from __future__ import annotations

from importlib import metadata

import attrs

from codaar_core.registry.entry import installed_entries

COMMANDS = "codaar.commands"  # entry-point group


@attrs.frozen
class Installed:
    """An installed distribution that offers components."""

    distribution: str
    package: str  # with its version
    provides: tuple[str, ...]  # "kind:name"


def installed_plugins() -> list[Installed]:
    """The distributions that offer components."""
    by_package: dict[tuple[str, str], list[str]] = {}
    for entry in installed_entries():
        by_package.setdefault((entry.distribution, entry.package), []).append(f"{entry.kind}:{entry.name}")
    return [Installed(*package, tuple(provides)) for package, provides in sorted(by_package.items())]


def plugin_commands() -> dict[str, metadata.EntryPoint]:
    """Commands that packages add to the command line, by name, from their entry points; nothing is imported."""
    return {point.name: point for point in sorted(metadata.entry_points(group=COMMANDS), key=lambda point: point.name)}
