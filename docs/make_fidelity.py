"""Writes docs/fidelity.md from docs/fidelity.toml, after checking that what it says about recipes and tests is so.

python docs/make_fidelity.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import tomli

from codaar_core import load

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "fidelity.toml"
MEASURED = ROOT / "docs" / "fidelity_measured.toml"
PAGE = ROOT / "docs" / "fidelity.md"
MODES = ("as-published", "paper")

HEAD = """\
# Paper and released code

The paper (arXiv 2605.12145) and its released code differ in {count} places. Each one that has been built is a setting,
not a copy of a component, and both readings are recipes:

- `recipes/as-published/{{av,avt}}.toml` follow the released code. Over four whole optimizer steps in double precision
  every loss term, gradient norm, weight and buffer agrees to eight digits: for two modalities with numbers of the
  released code, for three with a second, flat reading of it.
- `recipes/paper/{{av,avt}}.toml` follow the paper's text; where it is silent, the plainest reading.

Checkpoints of the released code are read and written by [codaar-plugin-released](../plugins/released/README.md).
This page is written by `python docs/make_fidelity.py`, which checks each value against the recipes and each test by
name.

## Difference by difference

| # | topic | paper | released code | setting | as-published | paper | proved by |
|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page.

    Raises:
        ValueError: A recipe has another value than the table says, or a test does not exist.
    """
    rows = tomli.loads(TABLE.read_text("utf-8"))["row"]
    body = "".join(line(number, row) for number, row in enumerate(rows, 1))
    return HEAD.format(count=len(rows)) + body + measured()


def line(number: int, row: Mapping[str, Any]) -> str:
    """One line of the table, checked."""
    settings = row.get("settings", [])
    for path, *values in settings:
        for mode, value in zip(MODES, values, strict=True):
            check_value(f"{mode}/{row.get('recipe', 'avt')}.toml", path, value)
    for test in row.get("tests", []):
        check_test(test)
    paths = [f"`{path}`" for path, *_ in settings]
    values = [[f"`{literal(values[mode])}`" for _, *values in settings] for mode in range(len(MODES))]
    cells = [[row["topic"]], [row["paper"]], [row["released"]], [*paths, row.get("remark", "")], *values, tests(row)]
    return f"| {number} | " + " | ".join(joined(cell) for cell in cells) + " |\n"


def joined(cell: list[str]) -> str:
    """Several lines of one cell."""
    return "<br>".join(part.replace("|", "\\|") for part in cell if part)


def tests(row: Mapping[str, Any]) -> list[str]:
    """Links to the tests."""
    named = (test.partition("::")[::2] for test in row.get("tests", []))
    return [f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})" for path, name in named]


def literal(value: Any) -> str:
    """A value as it stands in a recipe."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def check_value(recipe: str, path: str, expected: Any) -> None:
    """A recipe must have the value that the table gives it."""
    value = resolved(recipe)
    for key in path.split("."):
        value = value[key]
    if value != expected:
        raise ValueError(f"recipes/{recipe}: {path} is {value!r}, docs/fidelity.toml says {expected!r}")


@cache
def resolved(recipe: str) -> Mapping[str, Any]:
    """Every value of a recipe, defaults too."""
    return load(ROOT / "recipes" / recipe).resolved


def check_test(test: str) -> None:
    """A test that the table names must be there."""
    path, _, name = test.partition("::")
    if not re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE):
        raise ValueError(f"{path} has no test {name}, docs/fidelity.toml names it")


# Measured transfer of both modes, and of as-published with one difference at a time taken from the paper, comes from
# docs/fidelity_measured.toml; while that file is absent the page has no such section:
#   title = "Measured on digits"
#   text = "What was trained, on what, how long."
#   columns = ["recipe", "difference", "classification", ...]
#   rows = [["as-published", "", "61.2 ± 0.4", ...], ...]


def measured() -> str:
    """The section of measured results; empty where nothing was measured yet."""
    return "".join(measured_lines(tomli.loads(MEASURED.read_text("utf-8")))) if MEASURED.is_file() else ""


def measured_lines(table: Mapping[str, Any]) -> Iterator[str]:
    """Title, text and table."""
    yield f"\n## {table['title']}\n\n{table['text'].strip()}\n\n"
    yield f"| {' | '.join(table['columns'])} |\n|{'---|' * len(table['columns'])}\n"
    for row in table["rows"]:
        if len(row) != len(table["columns"]):
            raise ValueError(f"docs/fidelity_measured.toml: {row} has {len(row)} of {len(table['columns'])} columns")
        yield f"| {' | '.join(row)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
