from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codaar_core import diff, explain
from codaar_core.recipe.toml.literal import literal

laws = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
values = st.one_of(
    st.integers(0, 9), st.booleans(), st.sampled_from(["x", "y"]), st.lists(st.integers(0, 3), max_size=2)
)
recipes = st.dictionaries(
    st.sampled_from(["run", "data", "quantizer"]), st.dictionaries(st.sampled_from("abc"), values), min_size=1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("differences")


def write(path: Path, content: dict | str) -> Path:
    path.write_text(content if isinstance(content, str) else tomli_w.dumps(content))
    return path


def found(*arguments) -> dict[str, tuple]:
    def side(given):
        return given and (given.value, given.origin)

    return {each.path: (side(each.before), side(each.after)) for each in diff(*arguments)}


@laws
@given(recipe=recipes)
def test_a_recipe_does_not_differ_from_itself(folder, recipe):
    path = write(folder / "a.toml", recipe)
    assert diff(path, path) == []


@laws
@given(before=recipes, after=recipes)
def test_the_differences_merged_over_the_first_give_the_second(folder, before, after):
    a, b = write(folder / "a.toml", before), write(folder / "b.toml", after)
    differences = diff(a, b)
    given = [f"{each.path}={literal(each.after.value)}" for each in differences if each.after]
    left_out = {each.path for each in differences if each.after is None}
    wanted = {each.path: each.value for each in explain(b)}
    result = {each.path: each.value for each in explain(a, given) if each.path not in left_out}
    assert result == wanted


def test_origins_of_both_sides(here):
    write(Path("a.toml"), "run.name = 'a'\nquantizer.codes = 4\n")
    write(Path("b.toml"), "extends = ['a.toml']\nrun.seed = 7\n")
    assert found("a.toml", "b.toml", ["quantizer.codes=5"]) == {
        "run.seed": ((43, "default"), (7, "b.toml:2")),
        "quantizer.codes": ((4, "a.toml:2"), (5, "command line")),
    }


def test_values_of_one_side_only(here):
    write(Path("a.toml"), "quantizer.codes = 4\n")
    write(Path("b.toml"), "quantizer.dim = 3\n")
    assert found("a.toml", "b.toml") == {
        "quantizer.codes": ((4, "a.toml:1"), None),
        "quantizer.dim": (None, (3, "b.toml:1")),
    }


def test_a_recipe_and_a_run_are_compared_in_the_values_of_the_recipe(here):
    Path("run").mkdir()
    write(Path("run/resolved.toml"), "quantizer = { use = 'toy:books', codes = 8, dim = 3 }\nlosses.x.use = 'toy:a'\n")
    write(Path("a.toml"), "quantizer = { use = 'books', codes = 4 }\nlosses.x.use = 'other:a'\n")
    assert found("a.toml", "run") == {
        "quantizer.codes": ((4, "a.toml:1"), (8, "run/resolved.toml:1")),
        "losses.x.use": (("other:a", "a.toml:2"), ("toy:a", "run/resolved.toml:2")),
    }
    assert len(found("run", "a.toml")) == 2


def test_two_runs_are_compared_in_all_values(here):
    for name, width in (("one", 3), ("two", 4)):
        Path(name).mkdir()
        write(Path(name) / "resolved.toml", f"quantizer.dim = {width}\n")
    assert list(found("one", "two")) == ["quantizer.dim"]
