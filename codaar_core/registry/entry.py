"""Entry: one component, as package metadata describe it."""

from __future__ import annotations

from importlib import metadata

import attrs
from packaging.utils import canonicalize_name

from codaar_core.registry.kinds import KINDS

CORE = "codaar-core"
PREFIX = "codaar-plugin-"


@attrs.frozen
class Entry:
    """A component of an installed package or of a local file."""

    kind: str
    name: str
    provider: str  # the distribution without "codaar-plugin-"; "core"; "local"
    distribution: str  # for a local file: its path
    version: str  # for a local file: the beginning of its SHA-256
    target: str  # "module:Class"

    @property
    def full_name(self) -> str:
        """``provider:name``, which is unique whatever else is installed."""
        return f"{self.provider}:{self.name}"

    @property
    def package(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}"


def installed_entries() -> list[Entry]:
    """The components of all installed distributions, from metadata; nothing is imported."""
    points = metadata.entry_points()
    found = [
        _entry(kind.name, point, point.dist)
        for kind in KINDS.values()
        for point in points.select(group=kind.group)
        if point.dist is not None
    ]
    order = list(KINDS)
    return sorted(found, key=lambda entry: (order.index(entry.kind), entry.name, entry.provider))


def _entry(kind: str, point: metadata.EntryPoint, package: metadata.Distribution) -> Entry:
    distribution = canonicalize_name(package.name)
    return Entry(kind, point.name, provider_of(distribution), distribution, package.version, point.value)


def provider_of(distribution: str) -> str:
    """The short name of a distribution in recipes."""
    return "core" if distribution == CORE else distribution.removeprefix(PREFIX)
