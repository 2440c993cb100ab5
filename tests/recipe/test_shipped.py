"""Recipes that installed distributions ship: found, inherited, listed, copied and locked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from toy_plugins import SMALL

from codaar_core import copy_recipes
from codaar_core.api import CodaarError
from codaar_core.engine.record import lock
from codaar_core.recipe import RecipeError, diff, load, load_sweep
from codaar_core.recipe.toml import shipped

SHIPPED = {
    "small.toml": "# Small.\n" + SMALL,
    "arms/longer.toml": '# Longer.\nextends = ["../small.toml"]\nrun.epochs = 9\n',
    "arms/sweep.toml": '# Both.\nextends = ["../small.toml"]\n[sweep.arms.longer]\nextends = ["longer.toml"]\n',
}


@pytest.fixture(autouse=True)
def installed(site, here):
    site.add_toy()
    add(site, "toys", SHIPPED)


def add(site, name: str, recipes: dict[str, str]) -> Path:
    """Install a distribution that ships recipes in the folder ``recipes`` of its package."""
    package = f"shipped_{name}"
    modules = {
        f"{package}/__init__.py": "raise ImportError('not to be imported')",
        **{f"{package}/recipes/{path}": content for path, content in recipes.items()},
    }
    site.add(f"codaar-{name}", {"recipe": {name: f"{package}.recipes"}}, "0.2.0", modules)
    return site.folder / package / "recipes"


def messages(content: str) -> list[str]:
    Path("mine.toml").write_text(content)
    with pytest.raises(RecipeError) as caught:
        load("mine.toml")
    return list(map(str, caught.value.problems))


@pytest.mark.parametrize("name", ["pkg:small.toml", "pkg:small", "pkg:toys/small.toml"])
def test_a_recipe_inherits_a_shipped_one(name):
    Path("mine.toml").write_text(f'extends = ["{name}"]\nrun.epochs = 3\n')
    plan = load("mine.toml")
    assert (plan.run.name, plan.run.epochs) == ("small", 3)


def test_a_shipped_recipe_inherits_its_neighbours():
    assert load("pkg:arms/longer.toml").run.epochs == 9
    arms = load_sweep("pkg:arms/sweep.toml").arms
    assert [plan.run.epochs for arm in arms for plan in arm.plans] == [9]
    assert {each.path for each in diff("pkg:small.toml", "pkg:arms/longer.toml")} == {"run.epochs"}


def test_an_error_in_a_shipped_recipe_is_shown_at_its_line(site):
    add(site, "wrong", {"wrong.toml": 'extends = ["small.toml"]\n'})
    [problem] = messages('extends = ["pkg:wrong.toml"]\n')
    assert str(site.folder / "shipped_wrong" / "recipes" / "wrong.toml:1:12") in problem


@pytest.mark.parametrize(
    ("name", "message", "help"),
    [
        ("pkg:smal.toml", "no installed package ships a recipe 'smal.toml'", "did you mean 'pkg:small.toml'?"),
        (
            "pkg:longer.toml",
            "no installed package ships a recipe 'longer.toml'",
            "did you mean 'pkg:arms/longer.toml'?",
        ),
        ("pkg:x", "no installed package ships a recipe 'x'", "`codaar list recipes` lists the shipped recipes"),
        ("pkg:../__init__.py", "no installed package ships a recipe '../__init__.py'", "`codaar list recipes`"),
        ("pkg:", "no installed package ships a recipe ''", "`codaar list recipes`"),
    ],
)
def test_an_unknown_shipped_recipe(name, message, help):
    [problem] = messages(f'extends = ["{name}"]\n')
    assert problem.startswith(f"error[unreadable-file]: {message}\n  --> mine.toml:1:12\n")
    assert f"= help: {help}" in problem
    with pytest.raises(RecipeError) as caught:
        load(name)
    assert caught.value.problems[0].message == message


def test_two_packages_ship_a_recipe_of_one_name(site):
    add(site, "others", {"small.toml": SMALL})
    [problem] = messages('extends = ["pkg:small.toml"]\n')
    assert "pkg:small.toml is shipped by 2 packages" in problem
    assert "write 'pkg:others/small.toml' or 'pkg:toys/small.toml'" in problem
    assert load("pkg:others/small.toml").run.name == "small"
    with pytest.raises(CodaarError, match="would both be copied to recipes/small.toml"):
        copy_recipes()


def test_no_package_ships_recipes(site):
    shutil.rmtree(site.folder / "shipped_toys")
    [problem] = messages('extends = ["pkg:small.toml"]\n')
    assert "`pip install codaar` brings those of CoDAAR" in problem
    with pytest.raises(CodaarError, match="no installed package ships recipes"):
        copy_recipes()


def test_the_lock_names_a_shipped_recipe_by_its_package_and_hashes_it(site):
    Path("mine.toml").write_text('extends = ["pkg:small.toml"]\n')
    before = lock.recipe_files(load("mine.toml"))
    assert set(before) == {"mine.toml", "pkg:toys/small.toml"}
    plan = load("pkg:small.toml")
    assert set(lock.recipe_files(plan)) == {"pkg:toys/small.toml"}
    assert lock.command(plan) == "codaar-run pkg:toys/small.toml"
    file = site.folder / "shipped_toys" / "recipes" / "small.toml"
    file.write_text(file.read_text() + "# another version\n")
    after = lock.recipe_files(load("mine.toml"))
    assert before["mine.toml"] == after["mine.toml"]
    assert before["pkg:toys/small.toml"] != after["pkg:toys/small.toml"]


def test_a_plain_file_is_not_shipped():
    Path("small.toml").write_text(SMALL)
    assert shipped.shipped_name(Path("small.toml")) is None


def test_a_group_of_recipes_is_known(call):
    assert "not read: unknown entry-point groups" not in call("list", "plugins")[1]


# codaar list recipes, codaar init


def test_list_recipes(call):
    lines = call("list", "recipes")[1].splitlines()
    assert lines[0] == "no recipe in this folder or below recipes/"
    assert lines[1].startswith("shipped by codaar-toys 0.2.0; ")
    assert [line.split() for line in lines[2:]] == [
        ["arms/longer.toml", "Longer."],
        ["arms/sweep.toml", "Both."],
        ["small.toml", "Small."],
    ]


def test_init_copies_the_recipes_at_the_top(call):
    assert call("init")[:2] == (0, "recipes/small.toml\n")
    assert Path("recipes/small.toml").read_text() == SHIPPED["small.toml"]
    assert call("init")[:2] == (0, "nothing to copy: the recipes are in recipes already\n")
    assert call("validate", "recipes/small.toml")[0] == 0


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["arms/longer.toml"], ["arms/longer.toml", "small.toml"]),
        (["toys/arms/longer"], ["arms/longer.toml", "small.toml"]),
        (["arms/sweep.toml"], ["arms/longer.toml", "arms/sweep.toml", "small.toml"]),
        (["arms"], ["arms/longer.toml", "arms/sweep.toml", "small.toml"]),
        (["--all"], ["arms/longer.toml", "arms/sweep.toml", "small.toml"]),
    ],
)
def test_init_copies_a_recipe_with_what_it_extends(call, words, written):
    code, out, _ = call("init", *words, "--to", "there")
    assert code == 0
    assert out.split() == [f"there/{path}" for path in written]
    assert sorted(path.relative_to("there").as_posix() for path in Path("there").rglob("*.toml")) == written


@pytest.mark.parametrize("make", [lambda path: path.write_text("mine"), Path.mkdir, lambda path: path.symlink_to("x")])
def test_init_overwrites_nothing(call, make):
    Path("recipes").mkdir()
    make(Path("recipes/small.toml"))
    code, out, error = call("init", "--all")
    assert (code, out) == (2, "")
    assert "recipes/small.toml exists already and differs from the shipped recipe; nothing was copied" in error
    assert os.listdir("recipes") == ["small.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["smal"], "did you mean 'pkg:small.toml'?"),
        (["small", "--all"], "all recipes are to be copied, and one is named as well"),
    ],
)
def test_init_refuses(call, words, said):
    code, _, error = call("init", *words)
    assert code == 2 and said in error
    assert not Path("recipes").exists()


def test_init_into_a_file(call):
    Path("recipes").write_text("")
    code, _, error = call("init")
    assert code == 1 and "cannot write recipes/small.toml" in error
