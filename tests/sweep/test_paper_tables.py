"""The paper's tables: recipes publish its numbers, and the report of a run shows those of its own row only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tomli

from codaar_core import load_sweep
from codaar_core.api import BenchmarkContext
from codaar_core.engine.assembly.build import build_data
from codaar_core.recipe.plan import Plan

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLES = {table["number"]: table for table in tomli.loads((DOCS / "paper_tables.toml").read_text("utf-8"))["table"]}
SIZES = ("40k", "90k")
AVERAGED = [(number, method) for number in (1, 2, 3, 4, 8) for method in TABLES[number]["averages"]]
IN_PAPER_ORDER = ("av-audio-video", "text-audio-video")  # the arms of table 7 that are the full model
Row = Mapping[str, float | None]


def shown(plan: Plan) -> Mapping[str, float]:
    """Published numbers in the report of a run, by "benchmark/train->test/metric"."""
    context = BenchmarkContext(plan.modalities, build_data(plan), plan.evaluate.mode)
    built = {bench.name: bench.block.component(bench.block.config, context) for bench in plan.benchmarks}
    return {f"{name}/{score}": value for name, each in built.items() for score, value in each.published.items()}


def by_column(columns: Sequence[str], values: Sequence[float]) -> Row:
    """The numbers of a printed row; what is printed once for both directions stands under each."""
    return {one: value for column, value in zip(columns, values, strict=True) for one in directions(column)}


def directions(column: str) -> Iterator[str]:
    """The headings that a printed heading covers: "A↔T R@1" is "A→T R@1" and "T→A R@1"."""
    both = re.fullmatch(r"(.*)\b(\w)↔(\w)\b(.*)", column)
    if both is None:
        yield column
        return
    before, one, other, after = both.groups()
    yield f"{before}{one}→{other}{after}"
    yield f"{before}{other}→{one}{after}"


@pytest.mark.parametrize("number", TABLES)
def test_recipes_publish_every_number_of_a_table_and_no_other(root: Path, number: int) -> None:
    table = TABLES[number]
    sweep = load_sweep(root / "recipes" / "paper" / f"table{number}.toml")
    assert sweep.published.keys() == table["rows"].keys()
    for name, values in sweep.published.items():
        printed = by_column(table["columns"], table["rows"][name])
        stated = dict(zip(sweep.columns, values, strict=True))
        assert {heading: value for heading, value in stated.items() if value is not None} == printed, name


@pytest.mark.parametrize("number", TABLES)
def test_every_named_row_has_an_arm(root: Path, number: int) -> None:
    arms = {arm.name for arm in load_sweep(root / "recipes" / "paper" / f"table{number}.toml").arms}
    basis = TABLES[number].get("basis", {})
    assert arms == {name for name in TABLES[number]["rows"] if basis.get(name) != "unknown"}


@pytest.mark.parametrize("number", [5, 6])
def test_tables_without_ticks_say_which_rows_are_inferred(root: Path, number: int) -> None:
    table: Mapping[str, Any] = TABLES[number]
    assert table["basis"].keys() == table["rows"].keys()
    inferred = [name for name, basis in table["basis"].items() if basis == "inferred"]
    title = load_sweep(root / "recipes" / "paper" / f"table{number}.toml").title
    assert title.endswith(f"published {' and '.join(inferred)}: inferred from their position")


@pytest.mark.parametrize(("number", "method"), AVERAGED)
def test_averages_are_those_of_the_rows(number: int, method: str) -> None:
    """The printed numbers are rounded, and so is their average."""
    table = TABLES[number]
    values = [value for size in SIZES for value in table["rows"][f"{method}-{size}"]]
    unit = 0.01 if number == 3 else 0.1
    assert table["averages"][method] == pytest.approx(sum(values) / len(values), abs=0.51 * unit)


@pytest.mark.parametrize("number", range(1, 9))
def test_reports_show_what_the_table_shows(root: Path, number: int) -> None:
    sweep = load_sweep(root / "recipes" / "paper" / f"table{number}.toml")
    for arm in sweep.arms:
        row = dict(zip(sweep.columns.values(), sweep.published[arm.name], strict=True))
        there = {score: value / 100 for score, value in row.items() if value is not None}
        numbers = shown(arm.plans[0])
        if arm.name.startswith("codaar") or arm.name in IN_PAPER_ORDER:
            assert {score: numbers[score] for score in there} == pytest.approx(there)
        else:
            assert not numbers, arm.name


@pytest.mark.parametrize("kind", ["table", "figure"])
def test_the_page_of_the_paper_lists_every_table_and_figure(kind: str) -> None:
    listed = re.findall(rf"(?m)^\| {kind} (\d+) \|", (DOCS / "paper.md").read_text("utf-8"))
    assert listed == [str(number) for number in range(1, {"table": 9, "figure": 12}[kind] + 1)]


def test_the_page_of_the_paper_names_recipes_that_exist(root: Path) -> None:
    recipes = re.findall(r"`[^`]*?(recipes/[\w/.-]+\.toml)", (DOCS / "paper.md").read_text("utf-8"))
    assert recipes
    assert not [recipe for recipe in recipes if not (root / recipe).is_file()]


def test_the_page_of_the_paper_gives_every_average() -> None:
    _, section = (DOCS / "paper.md").read_text("utf-8").split("Averages that the paper prints")
    header, _, *lines = (cells(line) for line in section.splitlines() if line.startswith("|"))
    rows = lines[: next(number for number, line in enumerate(lines) if not line[0].isdigit())]
    given = {int(row[0]): dict(zip(map(str.lower, header[1:]), row[1:], strict=True)) for row in rows}
    printed = {number: table["averages"] for number, table in TABLES.items() if "averages" in table and number < 9}
    assert {n: {m: float(value) for m, value in row.items() if value} for n, row in given.items()} == printed


def test_the_page_of_the_paper_says_what_names_each_row_without_ticks() -> None:
    _, section = (DOCS / "paper.md").read_text("utf-8").split("| row | table 5 |")
    rows = [cells(line) for line in section.splitlines()[2:8]]
    for number, column in ((5, 2), (6, 4)):
        assert [row[column] for row in rows] == list(TABLES[number]["basis"].values())


def cells(line: str) -> list[str]:
    """The texts of a row of a table in Markdown."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
