"""docs/where.md: the functions that it names are in the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = re.findall(r"^\| ([a-z][^|]+) \| (\[.+?) \| (.+) \|$", (DOCS / "where.md").read_text("utf-8"), re.MULTILINE)


def test_thirteen_changes_are_answered():
    assert len({change for change, _, _ in ROWS} - {"change"}) == 13


@pytest.mark.parametrize(("change", "files", "how"), ROWS, ids=[change for change, _, _ in ROWS])
def test_functions_are_where_the_page_says(change, files, how):
    paths = [DOCS / target for target in re.findall(r"\]\(([^)]+)\)", files)]
    assert 1 <= len(paths) <= 2
    text = "".join(path.read_text("utf-8") for path in paths)
    for name in re.findall(r"`(\w+)\(\)`", how):
        assert re.search(rf"\b{name}\(", text), f"{change}: no function {name} in {files}"
    for name in re.findall(r"`([A-Z]\w+)`", how):
        assert re.search(rf"\b{name}\b", text), f"{change}: no {name} in {files}"
