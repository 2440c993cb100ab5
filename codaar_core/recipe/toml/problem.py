"""Problem: an error or note about a recipe, with its origin and advice, and how a terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from codaar_core.api.control_characters import printable
from codaar_core.api.errors import CodaarError
from codaar_core.recipe.toml.origin import Origin

CODES = (
    "broken-plugin",
    "circular-extends",
    "dropped-settings",
    "environment",
    "failing-component",
    "idle-pass",
    "incompatible-plugin",
    "invalid-name",
    "lone-modality",
    "missing-data",
    "missing-encoder",
    "missing-setting",
    "name-clash",
    "not-installed",
    "not-toml",
    "override",
    "recipe-format",
    "reference",
    "refused-value",
    "renamed-setting",
    "sweep",
    "too-deep",
    "unbuildable",
    "unknown-name",
    "unknown-setting",
    "unknown-table",
    "unreadable-file",
    "unset",
    "unused-block",
    "wrong-value",
)
"""Kinds of problems; each is a heading in docs/errors.md."""

WIDEST = 300  # characters of a line that an excerpt shows


@attrs.frozen
class Problem:
    """An error or note about a recipe; a recipe with notes (``level = "note"``) can be run."""

    code: str = attrs.field(validator=attrs.validators.in_(CODES))
    message: str
    origin: Origin | None
    help: str = ""
    level: str = "error"
    packages: tuple[str, ...] = ()  # distributions of which one is to be installed

    def __str__(self) -> str:
        parts = [f"{self.level}[{self.code}]: {self.message}", *_excerpt(self.origin)]
        if self.help:
            parts += [f"   = help: {line}" if first else f"           {line}" for first, line in _numbered(self.help)]
        return printable("\n".join(parts))


def _numbered(help: str) -> list[tuple[bool, str]]:
    return [(number == 0, line) for number, line in enumerate(help.splitlines())]


def _excerpt(origin: Origin | None) -> list[str]:
    if origin is None:
        return []
    place = f"  --> {origin.place}"
    if not origin.width:
        return [place]
    start, line = _window(origin.source.lines[origin.line - 1], origin.column - 1)
    before = line[: origin.column - 1 - start]
    gap = "".join("\t" if letter == "\t" else " " for letter in before)
    carets = "^" * max(1, min(origin.width, len(line) - len(before)))
    return [place, f"   |  {line}", f"   |  {gap}{carets}"]


def _window(line: str, at: int) -> tuple[int, str]:
    """The part of a line around a position, at most ``WIDEST`` characters, and where it starts."""
    start = 0 if len(line) <= WIDEST else max(0, at - WIDEST // 4)
    return start, line[start : start + WIDEST]


class RecipeError(CodaarError):
    """A recipe cannot be run.

    Args:
        problems: All problems that were found; stored sorted by place.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=place_of)
        first = self.problems[0]
        super().__init__(first.message, first.help)

    def __str__(self) -> str:
        end = "\n".join([f"{count(self.problems)}; nothing was run.", *_install_all(self.problems)])
        return "\n\n".join([*map(str, self.problems), end])


def _install_all(problems: Sequence[Problem]) -> list[str]:
    """The one command that installs what several problems miss; empty if at most one package is missing."""
    choices = [problem.packages for problem in problems if problem.packages]
    needed = {packages[0] for packages in choices if len(packages) == 1}
    needed |= {packages[0] for packages in choices if needed.isdisjoint(packages)}
    return [f"   = help: all that is missing: pip install {' '.join(sorted(needed))}"] if len(needed) > 1 else []


def count(problems: Sequence[Problem]) -> str:
    """The number of problems and of files, as ``5 problems in 2 files``."""
    found = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    sources = {problem.origin.source.name: problem.origin.source for problem in problems if problem.origin}
    files = sum(source.is_file for source in sources.values())
    where = [f"in {files} file{'s' if files > 1 else ''}"] if files else []
    if len(sources) > files:
        where.append("on the command line")
    return " ".join([found, " and ".join(where)]).rstrip()


def place_of(problem: Problem) -> tuple[bool, str, int, int]:
    """Sort key: files by name, each from top to bottom, then the command line."""
    origin = problem.origin
    if origin is None:
        return False, "", 0, 0
    return not origin.source.is_file, origin.source.name, origin.line, origin.column
