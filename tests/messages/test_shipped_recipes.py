"""Each mistake in a shipped recipe is exactly one problem, at its line, with a suggestion; an editor marks it too."""

from __future__ import annotations

import importlib
import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import tomli
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from slips import slips, wrong_type

import codaar_core
from codaar_core.recipe import Problem, literal

ROOT = Path(__file__).resolve().parents[2]
PARTS = sorted((ROOT / "recipes" / "methods").glob("*.toml"))  # to be put over a recipe: no runs by themselves
RECIPES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "recipes").rglob("*.toml") if path not in PARTS)
laws = settings(
    deadline=None,
    max_examples=int(os.environ.get("CODAAR_EXAMPLES", 2)),  # of each recipe: there are many
    phases=[Phase.generate],  # a slip needs no shrinking, which would take minutes
    suppress_health_check=list(HealthCheck),
)
REFUSED = {"seed": -1, "epochs": -1, "batch": 0, "lr": 0.0, "clip": -1.0, "dtype": "float16", "mode": "tuned"}
REFUSED |= {"codes": 0, "dim": 0, "reset_after": -1, "initial_count": -1.0, "counts": "none", "own": -0.5}
REFUSED |= {"lstm_hidden": 0, "feedforward": 0, "hidden": 0, "horizon": 0, "layers": 0, "size": "50k"}
each_recipe = pytest.mark.parametrize("recipe", RECIPES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of the recipes, to be changed."""
    copy = tmp_path_factory.mktemp("shipped")
    shutil.copytree(ROOT / "recipes", copy / "recipes")
    return copy


class Editor:
    """An editor: validates by the JSON schema."""

    def __init__(self) -> None:
        self.validator = jsonschema.Draft4Validator(codaar_core.schema())

    def complaints(self, recipe: dict) -> list[str]:
        return [error.message for error in self.validator.iter_errors(recipe)]


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor()


class Pair(NamedTuple):
    """A line ``key = value`` and its number."""

    key: str
    value: object
    number: int

    @property
    def is_directive(self) -> bool:
        """Whether the rest of the recipe depends on this line."""
        return self.key in ("codaar", "extends", "unset")


def pairs(recipe: str) -> list[Pair]:
    found, table = [], ""
    for number, line in enumerate((ROOT / recipe).read_text("utf-8").splitlines()):
        table = line if line.startswith("[") else table
        if re.match(r"\w+ *=", line) and not table.startswith("[sweep."):  # names there are the author's
            try:
                ((key, value),) = tomli.loads(line).items()
            except tomli.TOMLDecodeError:  # it goes on in the next line
                continue
            found.append(Pair(key, value, number))
    sweep = any(line == "[sweep]" for line in (ROOT / recipe).read_text("utf-8").splitlines())
    return [pair for pair in found if not (pair.is_directive or (sweep and pair.key == "name"))]  # arms name their runs


def drawn(data: st.DataObject, recipe: str, *keys: str) -> Pair:
    some = [pair for pair in pairs(recipe) if not keys or pair.key in keys]
    return data.draw(st.sampled_from(some)) if some else pytest.skip(f"no {' or '.join(keys)} in this recipe")


def spoilt(folder: Path, recipe: str, number: int, line: str) -> tuple[list[Problem], dict]:
    """The errors of a recipe with one line replaced, and its parsed content."""
    lines = (ROOT / recipe).read_text("utf-8").splitlines()
    lines[number] = line
    path = folder / recipe
    before = path.read_text("utf-8")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    try:
        found = codaar_core.validate(path)
        return [each for each in found if each.level == "error"], tomli.loads(path.read_text("utf-8"))
    finally:
        path.write_text(before, "utf-8")


def found_at(pair: Pair, code: str, folder: Path, editor: Any, recipe: str, line: str) -> list[Problem]:
    """The errors of a recipe with another line; the first is at that line, and an editor marks the line too."""
    problems, written = spoilt(folder, recipe, pair.number, line)
    assert (problems[0].code, problems[0].origin.line) == (code, pair.number + 1)
    assert editor.complaints(written)
    return problems


@each_recipe
def test_a_shipped_recipe_is_valid_here_and_in_an_editor(recipe, editor):
    assert [each for each in codaar_core.validate(ROOT / recipe) if each.level == "error"] == []
    assert editor.complaints(tomli.loads((ROOT / recipe).read_text("utf-8"))) == []


@pytest.mark.parametrize("part", PARTS, ids=lambda path: path.stem)
def test_every_part_is_used_by_a_recipe_which_finds_its_mistakes(part, folder):
    recipe, path = folder / "recipes" / "baselines" / part.name, folder / "recipes" / "methods" / part.name
    before = path.read_text("utf-8")
    assert f'"../methods/{part.name}"' in recipe.read_text("utf-8")
    path.write_text(re.sub(r"(\n\[\w+\]\n)(\w)(\w)", r"\1\3\2", before, count=1), "utf-8")  # of the first table
    try:
        (problem,) = (each for each in codaar_core.validate(recipe) if each.level == "error")
    finally:
        path.write_text(before, "utf-8")
    assert problem.code == "unknown-setting" and Path(problem.origin.source.name).resolve() == path.resolve()


@each_recipe
@laws
@given(data=st.data())
def test_a_misspelt_key(folder, editor, recipe, data):
    pair = drawn(data, recipe)
    slip = data.draw(slips(pair.key))
    (problem,) = found_at(pair, "unknown-setting", folder, editor, recipe, f"{slip} = {literal(pair.value)}")
    assert repr(pair.key) in problem.help


@each_recipe
@laws
@given(data=st.data())
def test_a_wrong_type(folder, editor, recipe, data):
    pair = drawn(data, recipe)
    wrong = data.draw(wrong_type(pair.value))
    assert found_at(pair, "wrong-value", folder, editor, recipe, f"{pair.key} = {literal(wrong)}")


@each_recipe
@laws
@given(data=st.data())
def test_a_refused_value(folder, editor, recipe, data):
    """A value of the right type that the setting rejects."""
    pair = drawn(data, recipe, *REFUSED)
    refused = REFUSED[pair.key]
    code = "wrong-value" if isinstance(refused, str) else "refused-value"
    (problem,) = found_at(pair, code, folder, editor, recipe, f"{pair.key} = {literal(refused)}")
    assert literal(refused) in problem.message


@each_recipe
@laws
@given(data=st.data())
def test_a_misspelt_name(folder, editor, recipe, data):
    pair = drawn(data, recipe, "use")
    slip = data.draw(slips(pair.value))
    code = "wrong-value" if pair.value in ("adam", "adamw") else "unknown-name"
    (problem,) = found_at(pair, code, folder, editor, recipe, f'use = "{slip}"')
    assert pair.value in problem.help


@each_recipe
@laws
@given(data=st.data())
def test_a_misspelt_table_name(folder, editor, recipe, data):
    lines = (ROOT / recipe).read_text("utf-8").splitlines()
    headers = [number for number, line in enumerate(lines) if re.match(r"\[\w+\]", line)]
    number = data.draw(st.sampled_from(headers)) if headers else pytest.skip("no table in this recipe")
    name = lines[number].strip("[]")
    slip = data.draw(slips(name))
    (problem,), written = spoilt(folder, recipe, number, f"[{slip}]")
    assert (problem.code, problem.origin.line) == ("unknown-table", number + 1)
    assert repr(name) in problem.help
    assert editor.complaints(written)


@each_recipe
@laws
@given(data=st.data())
def test_a_misspelt_override(recipe, data):
    written, value = data.draw(st.sampled_from(values(codaar_core.explain(ROOT / recipe))))
    *tables, key = written.split(".")
    at = data.draw(st.integers(0, len(tables)))
    parts = [*tables, key]
    slip = data.draw(slips(parts[at]))
    override = f"{'.'.join([*parts[:at], slip, *parts[at + 1 :]])}={value}"
    errors = [each for each in codaar_core.validate(ROOT / recipe, [override]) if each.level == "error"]
    (problem,) = {each.message: each for each in errors}.values()  # arms of a sweep may have different originals
    assert not problem.origin.source.is_file
    assert problem.origin.source.lines[0][problem.origin.column - 1 :].startswith(slip)
    assert parts[at] in problem.help


def values(explained) -> list[tuple[str, str]]:
    """Paths with fixed names; blocks and the tables of a sweep have names chosen by users."""
    return [
        (each.path, literal(each.value))
        for each in explained
        if not each.path.startswith(("encoders.", "decoders.", "sweep.")) and "${" not in literal(each.value)
    ]


def test_the_benchmark_of_methods_knows_every_part(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    methods = importlib.import_module("methods")
    assert {part.stem for part in PARTS} == methods.METHODS.keys() - {"codaar"}
    for method in methods.METHODS:
        path = tmp_path / "method.toml"
        path.write_text(methods.written(method), "utf-8")
        codaar_core.load(path)
