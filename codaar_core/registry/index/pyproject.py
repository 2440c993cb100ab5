"""Components of a plug-in, as its pyproject.toml declares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codaar_core.registry.entry import CORE
from codaar_core.registry.kinds import KINDS

Project = Mapping[str, Any]
"""A [project] table."""


def projects(root: Path) -> Iterator[tuple[Path, Project]]:
    """The plug-ins with components below ``root/plugins``: folder and [project] table of each."""
    for path in sorted(root.glob("plugins/*/pyproject.toml")):
        project = tomli.loads(path.read_text("utf-8"))["project"]
        if offered(project):
            yield path.parent, project


def offered(project: Project) -> list[str]:
    """``kind:name`` of every component of a project, in the order of the kinds."""
    groups = project.get("entry-points", {})
    return [f"{kind.name}:{name}" for kind in KINDS.values() for name in groups.get(kind.group, {})]


def versions_of_core(dependencies: list[str]) -> str:
    """The versions of core that a plug-in requires, the lower bound first; empty if it does not depend on core."""
    for requirement in map(Requirement, dependencies):
        if canonicalize_name(requirement.name) == CORE:
            return ",".join(sorted(map(str, requirement.specifier), reverse=True))
    return ""
