from __future__ import annotations

from pathlib import Path

import pytest

from codaar_core.recipe.toml.interpolation import interpolate
from codaar_core.recipe.toml.reading import read
from codaar_core.recipe.toml.tree import UNREADABLE, plain


def filled(content: str) -> tuple[dict, list[str]]:
    Path("r.toml").write_text(content)
    tree, problems = interpolate(read(Path("r.toml")).tree)
    return plain(tree), [problem.message for problem in problems]


@pytest.mark.parametrize("value", ["3", "2.5", "true", '"x"', "[1, 2]"])
def test_a_reference_as_whole_value_keeps_the_type(here, value):
    data, problems = filled(f"[a]\nb = {value}\n[c]\nd = '${{a.b}}'\n")
    assert data["c"]["d"] == data["a"]["b"] and type(data["c"]["d"]) is type(data["a"]["b"])
    assert not problems


def test_references_inside_strings_lists_and_chains(here, monkeypatch):
    monkeypatch.setenv("TOY_HOME", "/home")
    data, problems = filled(
        "[a]\nn = 3\nroot = '${env:TOY_HOME}/x'\npath = '${a.root}/${a.n}/${a.on}'\non = true\nmany = ['${a.n}', 4]\n"
    )
    assert data["a"] | {"n": 3} == {
        "n": 3,
        "root": "/home/x",
        "path": "/home/x/3/true",
        "on": True,
        "many": [3, 4],
    }
    assert not problems


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${a.c}", "${a.c}: the recipe does not set a.c"),
        ("${a}", "${a} is a table; only values can be referred to"),
        ("${a.x}", "${a.x} refers to itself: a.x -> a.x"),
        ("${a.list}/x", "${a.list} is a list or table, which cannot be part of a string"),
        ("${env:TOY_ABSENT}", "${env:TOY_ABSENT}: the environment variable TOY_ABSENT is not set"),
        ("${a.b + 1}", "${a.b + 1} is not a reference"),
        ("${}", "${} is not a reference"),
        ("${a.b", '"${a.b": ${ without closing brace'),
    ],
)
def test_unreadable_references(here, value, message):
    Path("r.toml").write_text(f"[a]\nb = 1\nlist = []\nx = '{value}'\n")
    tree, problems = interpolate(read(Path("r.toml")).tree)
    assert [problem.message for problem in problems] == [message]
    assert problems[0].origin.place == "r.toml:4:5"
    assert tree.find(("a", "x")).data is UNREADABLE


def test_references_see_overrides(here):
    Path("r.toml").write_text("[a]\nb = 1\nc = '${a.b}'\n")
    tree, _ = interpolate(read(Path("r.toml"), ["a.b=2"]).tree)
    assert plain(tree)["a"]["c"] == 2
