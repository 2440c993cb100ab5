"""Each mistake in a valid recipe (key, value, type or name) is exactly one problem, at its line, with a suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from slips import slips, wrong_type
from toy_plugins import RECIPE

from codaar_core import validate
from codaar_core.recipe import load
from codaar_core.recipe.toml.literal import literal

pytestmark = pytest.mark.usefixtures("toy")
LINES = RECIPE.split("\n")
PAIRS = [number for number, line in enumerate(LINES) if " = " in line]
HEADERS = [number for number, line in enumerate(LINES) if line.startswith("[")]
laws = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mutations")


def problems(folder: Path, line: int, replacement: str) -> list:
    lines = [*LINES]
    lines[line] = replacement
    (folder / "mutant.toml").write_text("\n".join(lines))
    tomli.loads((folder / "mutant.toml").read_text())
    return validate(folder / "mutant.toml")


def test_the_recipe_itself_is_valid(folder):
    (folder / "toys.toml").write_text(RECIPE)
    assert load(folder / "toys.toml").notes == ()


@laws
@given(line=st.sampled_from(PAIRS), data=st.data())
def test_a_misspelt_key(folder, line, data):
    key, value = LINES[line].split(" = ", 1)
    slip = data.draw(slips(key))
    (problem,) = problems(folder, line, f"{slip} = {value}")
    assert problem.level == "error"
    assert problem.origin.line == line + 1
    assert problem.origin.column == 1 and problem.origin.width == len(slip)
    assert repr(key) in problem.help


@laws
@given(line=st.sampled_from(HEADERS), data=st.data())
def test_a_misspelt_header(folder, line, data):
    path = LINES[line].strip("[]")
    table, dot, name = path.rpartition(".")
    slip = data.draw(slips(name))
    if path == "bench.judge.head":
        assume(slip != "head")
    found = problems(folder, line, f"[{table}{dot}{slip}]")
    errors = [problem for problem in found if problem.level == "error"]
    if errors:
        (problem,) = errors
        switched_on_elsewhere = f"mutant.toml:{line + 1}" in problem.help  # a list names a block that is not there
        assert problem.origin.line == line + 1 or switched_on_elsewhere
        assert name in problem.help or switched_on_elsewhere
    else:  # the block has the name of a component, so the list finds that
        (note,) = found
        assert note.origin.line == line + 1
        assert name in note.help


@laws
@given(line=st.sampled_from(PAIRS), data=st.data())
def test_a_wrong_type(folder, line, data):
    key, written = LINES[line].split(" = ", 1)
    wrong = data.draw(wrong_type(tomli.loads(f"x = {written}")["x"]))
    (problem,) = [each for each in problems(folder, line, f"{key} = {literal(wrong)}") if each.level == "error"]
    assert problem.origin.line == line + 1
    assert problem.origin.column == len(key) + 4
    assert "expected" in problem.message


USES = [number for number in PAIRS if LINES[number].startswith("use") and "adamw" not in LINES[number]]


@laws
@given(line=st.sampled_from(USES), data=st.data())
def test_a_misspelt_name(folder, line, data):
    name = LINES[line].split('"')[1]
    slip = data.draw(slips(name))
    (problem,) = problems(folder, line, f'use = "{slip}"')
    assert problem.origin.line == line + 1
    assert name.rpartition(":")[2] in problem.help


LISTS = [number for number in PAIRS if LINES[number].split(" = ")[0] in ("hooks", "modalities", "align", "losses")]


@laws
@given(line=st.sampled_from(LISTS), data=st.data())
def test_a_misspelt_name_in_a_list(folder, line, data):
    key, written = LINES[line].split(" = ", 1)
    names = tomli.loads(f"x = {written}")["x"]
    at = data.draw(st.integers(0, len(names) - 1))
    slip = data.draw(slips(names[at]))
    assume(slip not in names)
    changed = f"{key} = {literal([*names[:at], slip, *names[at + 1 :]])}"
    (problem,) = [each for each in problems(folder, line, changed) if each.level == "error"]
    assert problem.origin.line == line + 1
    assert changed[problem.origin.column - 1 :].startswith(literal(slip))
    assert repr(names[at]) in problem.help


@laws
@given(chosen=st.sets(st.sampled_from(PAIRS), min_size=2, max_size=5), data=st.data())
def test_several_wrong_types_are_reported_at_once(folder, chosen, data):
    chosen = {line for line in chosen if not LINES[line].startswith(("use", "hooks", "modalities", "align", "on"))}
    lines = [*LINES]
    for line in chosen:
        key, written = lines[line].split(" = ", 1)
        lines[line] = f"{key} = {literal(data.draw(wrong_type(tomli.loads(f'x = {written}')['x'])))}"
    (folder / "mutant.toml").write_text("\n".join(lines))
    errors = [each for each in validate(folder / "mutant.toml") if each.level == "error"]
    assert [problem.origin.line for problem in errors] == sorted(line + 1 for line in chosen)
