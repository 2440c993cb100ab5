"""The installed distributions that offer components."""

from __future__ import annotations

import attrs

from codaar_core.registry.entry import installed_entries


@attrs.frozen
class Installed:
    """One installed distribution with components."""

    distribution: str
    package: str  # with its version
    provides: tuple[str, ...]  # "kind:name"


def installed_plugins() -> list[Installed]:
    """The distributions that offer components."""
    by_package: dict[tuple[str, str], list[str]] = {}
    for entry in installed_entries():
        by_package.setdefault((entry.distribution, entry.package), []).append(f"{entry.kind}:{entry.name}")
    return [Installed(*package, tuple(provides)) for package, provides in sorted(by_package.items())]
