"""What a new user gets wrong first: names of recipes, settings and files, and plug-ins that are not installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_plugins import SMALL

from codaar_core.recipe import RecipeError, load
from codaar_core.registry import registry
from codaar_core.registry.index.known_plugins import Known


@pytest.fixture(autouse=True)
def installed(site, here):
    site.add_toy()
    for path in ("recipes/avt.toml", "recipes/paper/avt.toml", "recipes/paper/table.toml", "mine.toml"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(SMALL)


def problem(path: str, *overrides: str):
    with pytest.raises(RecipeError) as caught:
        load(path, overrides)
    [found] = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("avt", "recipes/avt.toml"),
        ("avt.toml", "recipes/avt.toml"),
        ("recipes/avt", "recipes/avt.toml"),
        ("recipe/avt.toml", "recipes/avt.toml"),
        ("recipe/paper/avt.toml", "recipes/paper/avt.toml"),
        ("recipes/table.toml", "recipes/paper/table.toml"),
        ("recipes/avtt.toml", "recipes/avt.toml"),
        ("recipes/avtt", "recipes/avt.toml"),
        ("mine", "mine.toml"),
        ("mien.toml", "mine.toml"),
    ],
)
def test_a_recipe_that_is_somewhere_else(written, meant):
    found = problem(written)
    assert (found.message, found.help) == (f"there is no file {written!r}", f"did you mean {meant!r}?")


def test_a_recipe_that_is_in_a_package(site):
    modules = {"shipped/__init__.py": "", "shipped/deep/other.toml": SMALL}
    site.add("codaar-toys", {"recipe": {"toys": "shipped"}}, modules=modules)
    assert problem("recipes/other.toml").help == "`codaar init deep/other.toml` copies it from its package"


def test_a_recipe_that_is_nowhere():
    expected = "`codaar list recipes` lists the recipes here and of installed packages"
    assert problem("something-else").help == expected


@pytest.mark.parametrize(
    ("override", "message", "help"),
    [
        ("epochs=3", "a recipe has no setting 'epochs'", "did you mean 'run.epochs'?"),
        ("width=3", "a recipe has no setting 'width'", "did you mean 'encoders.north.width'?"),
        ("epoch=3", "a recipe has no setting 'epoch'", "did you mean 'run.epochs'?"),
        ("batch=3", "a recipe has no setting 'batch'", "did you mean 'data.batch'?"),
        ("mode='strict'", "a recipe has no setting 'mode'", "did you mean 'evaluate.mode'?"),
        ("on='cpu'", "a recipe has no setting 'on'", "did you mean 'device.on' or 'evaluate.on'?"),
    ],
)
def test_a_setting_without_its_table(override, message, help):
    found = problem("mine.toml", override)
    assert (found.code, found.message, found.help) == ("unknown-table", message, help)


def test_a_plugin_file_that_is_not_there(call):
    code, _, error = call("validate", "mine.toml", "--plugin", "nofile.py")
    assert code == 2 and f"looked in {Path.cwd()}; paths in run.plugins" in error
    assert "those of --plugin to the working folder" in error
    Path("my_file.py").write_text("")
    assert (
        f"looked in {Path.cwd()}; did you mean 'my_file.py'?"
        in call("validate", "mine.toml", "--plugin", "myfile.py")[2]
    )
    assert f"there is no folder {Path.cwd() / 'no'}" in call("validate", "mine.toml", "--plugin", "no/file.py")[2]


def known(distribution: str, *provides: str) -> Known:
    return Known(distribution, "far", "Far", "official", "plugins/far", "MIT", ">=0.1,<1", provides)


@pytest.fixture
def index(monkeypatch):
    plugins = [
        known("codaar-plugin-one", "loss:one", "loss:either"),
        known("codaar-plugin-two", "loss:two", "loss:either"),
        known("codaar-plugin-three", "loss:three", "loss:any"),
        known("codaar-plugin-zero", "loss:any"),
    ]

    def offering(kind, name, _):
        return [each for each in plugins if f"{kind}:{name}" in each.provides]

    monkeypatch.setattr(registry, "plugins_offering", offering)


def end_of_errors(*losses: str) -> str:
    Path("far.toml").write_text(SMALL)
    with pytest.raises(RecipeError) as caught:
        load("far.toml", [f"model.losses={json.dumps(losses)}"])
    assert len(caught.value.problems) == len(losses)
    return str(caught.value).split("nothing was run.")[1]


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("losses", "packages"),
    [
        (("one", "two"), "codaar-plugin-one codaar-plugin-two"),
        (("two", "one", "three"), "codaar-plugin-one codaar-plugin-three codaar-plugin-two"),
        (("either", "two", "three"), "codaar-plugin-three codaar-plugin-two"),
        (("any", "one"), "codaar-plugin-one codaar-plugin-three"),
    ],
)
def test_one_command_installs_all_that_is_missing(losses, packages):
    assert end_of_errors(*losses) == f"\n   = help: all that is missing: pip install {packages}"


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("losses", [("one",), ("one", "either"), ("any",), ("one", "nowhere")])
def test_one_missing_package_has_its_command_at_its_line_only(losses):
    assert end_of_errors(*losses) == ""
