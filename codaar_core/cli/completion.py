"""Shell completion of kinds, component names and run directories, from package metadata and names of files alone."""

from __future__ import annotations

from collections.abc import Callable

import click

Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def names_of(kind: str) -> Completion:
    """Complete the names of the components of a kind."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        from codaar_core.registry import Registry

        return [entry.name for entry in Registry().entries(kind) if entry.name.startswith(begun)]

    return complete


def components(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete ``kind:name``."""
    from codaar_core.registry import KINDS, Registry

    registry = Registry()
    written = [f"{kind}:{entry.name}" for kind in KINDS for entry in registry.entries(kind)]
    return [each for each in dict.fromkeys(written) if each.startswith(begun)]


def kinds(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete a kind of components."""
    from codaar_core.registry import KINDS

    return [kind for kind in KINDS if kind.startswith(begun)]


def runs_to_resume(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the word ``auto`` and the run directories below ``runs``, the newest first."""
    from pathlib import Path

    found = sorted(Path("runs").glob("*/*/status.json"), key=lambda file: file.parent.name, reverse=True)
    return [word for word in ("auto", *(str(file.parent) for file in found)) if word.startswith(begun)]


def lists(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the argument of ``codaar list``."""
    from codaar_core.registry import KINDS

    words = ["plugins", "recipes", "runs", *(kind.plural for kind in KINDS.values())]
    return [word for word in words if word.startswith(begun)]
