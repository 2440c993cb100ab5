"""What the installed distributions offer: components, commands and recipes."""

from __future__ import annotations

from importlib import metadata

import attrs

from codaar_core.registry.entry import installed_entries
from codaar_core.registry.kinds import KINDS
from codaar_core.registry.suggestion import closest, did_you_mean

COMMANDS = "codaar.commands"  # entry-point group
RECIPES = "codaar.recipes"  # entry-point group: name of the collection -> package whose folder holds the recipes


@attrs.frozen
class Installed:
    """An installed distribution that offers components."""

    distribution: str
    package: str  # with its version
    provides: tuple[str, ...]  # "kind:name"


@attrs.frozen
class UnknownGroup:
    """An entry-point group that looks like one of codaar, but that nothing reads."""

    name: str
    package: str  # distribution and version
    help: str


def unknown_groups() -> list[UnknownGroup]:
    """The entry-point groups whose names begin with ``codaar`` or nearly equal a known group; nothing is imported."""
    known = [*(kind.group for kind in KINDS.values()), COMMANDS, RECIPES]
    points = metadata.entry_points()
    unknown = [name for name in points.groups if name not in known and _is_meant_for_codaar(name, known)]
    packages = {(name, _package(point)) for name in unknown for point in points.select(group=name)}
    advice = f"the groups are {', '.join(known)}"
    return [UnknownGroup(name, package, did_you_mean(name, known) or advice) for name, package in sorted(packages)]


def _is_meant_for_codaar(group: str, known: list[str]) -> bool:
    return group.lower().startswith("codaar") or bool(closest(group, known))


def _package(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def installed_plugins() -> list[Installed]:
    """The distributions that offer components."""
    by_package: dict[tuple[str, str], list[str]] = {}
    for entry in installed_entries():
        by_package.setdefault((entry.distribution, entry.package), []).append(f"{entry.kind}:{entry.name}")
    return [Installed(*package, tuple(provides)) for package, provides in sorted(by_package.items())]


def plugin_commands() -> dict[str, metadata.EntryPoint]:
    """Commands that packages add to the command line, by name, from their entry points; nothing is imported."""
    return {point.name: point for point in sorted(metadata.entry_points(group=COMMANDS), key=lambda point: point.name)}
