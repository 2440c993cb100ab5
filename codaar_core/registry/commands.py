"""Commands that packages offer to the command line, in the entry-point group ``codaar.commands``."""

from __future__ import annotations

from importlib import metadata

GROUP = "codaar.commands"


def offered_commands() -> dict[str, metadata.EntryPoint]:
    """Entry points by the name of the command; nothing is imported."""
    return {point.name: point for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name)}
