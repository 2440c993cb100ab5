"""A setting that was renamed: its former name works, with a note and a warning."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import jsonschema
import pytest
import tomli
from toy_plugins import SMALL

from codaar_core import explain, inspect, load, run, schema, validate
from codaar_core.recipe.checking.single_component import load_data
from codaar_core.recipe.settings import DataSettings, OptimizerSettings

pytestmark = pytest.mark.usefixtures("toy")

COMPONENTS = """
import attrs
from codaar_core.api import Card, DataSource, Loss, setting

@attrs.frozen(kw_only=True)
class Shape:
    depth: int = setting(1, "layers", formerly="layers")

class Renamed(Loss):
    '''A loss with a renamed setting.'''

    @attrs.frozen(kw_only=True)
    class Config:
        factor: float = setting(1.0, "scale of the loss", formerly="strength")
        shape: Shape = setting(Shape(), "network")

    def forward(self, view):
        return {}

class RenamedData(DataSource):
    card = Card("toys", "CC0-1.0", "made")
    spaces = {}

    @attrs.frozen(kw_only=True)
    class Config:
        rows: int = setting(10, "number of clips", formerly="clips")

    def split(self, name):
        return None

    def synthetic(self, clips, seed):
        return None
"""
LOSSES = """
[losses.renamed]
strength = 2.5
"""
MESSAGE = "[losses.renamed] the setting 'strength' is now called 'factor'"


@pytest.fixture(autouse=True)
def recipe(here):
    Path("renamed.py").write_text(COMPONENTS)
    switched_on = SMALL.replace('modalities = ["north"]', 'modalities = ["north"]\nlosses = ["renamed"]')
    Path("old.toml").write_text(switched_on.replace("[run]", '[run]\nplugins = ["renamed.py"]') + LOSSES)


def with_loss(lines: str) -> None:
    Path("old.toml").write_text(Path("old.toml").read_text().replace("strength = 2.5", lines))


def test_a_former_name_sets_the_setting_and_is_a_note():
    plan = load("old.toml")
    assert plan.losses["renamed"].block.config.factor == 2.5
    assert plan.resolved["losses"]["renamed"]["factor"] == 2.5
    assert "strength" not in plan.resolved["losses"]["renamed"]
    (note,) = validate("old.toml")
    line = 1 + Path("old.toml").read_text().splitlines().index("strength = 2.5")
    assert (note.level, note.code, note.message) == ("note", "renamed-setting", MESSAGE)
    assert note.origin.place == f"old.toml:{line}:1"
    assert note.help == "write factor; the former name will stop working"


def test_a_run_warns_with_file_line_and_new_name(monkeypatch):
    from codaar_core import engine

    monkeypatch.setattr(engine, "run", lambda *_: Path("finished"))
    line = 1 + Path("old.toml").read_text().splitlines().index("strength = 2.5")
    with pytest.warns(DeprecationWarning) as caught:
        run("old.toml")
    (warning,) = caught
    assert str(warning.message) == f"old.toml:{line}: {MESSAGE}"
    assert warning.filename == __file__


def test_the_new_name_gives_no_note():
    with_loss("factor = 2.5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert validate("old.toml") == []


def test_both_names_are_an_error():
    with_loss("strength = 2.5\nfactor = 3.0")
    (problem,) = validate("old.toml")
    line = 1 + Path("old.toml").read_text().splitlines().index("strength = 2.5")
    assert (problem.level, problem.code) == ("error", "renamed-setting")
    assert problem.message == ("[losses.renamed] has 'factor' and also 'strength', the former name of the same setting")
    assert problem.help == f"remove strength; factor is at old.toml:{line + 1}"


def test_a_wrong_value_under_a_former_name_is_found_at_its_line():
    with_loss("strength = 'much'")
    (problem,) = validate("old.toml")
    assert problem.message == 'losses.renamed.factor: expected a number, got the string "much"'
    assert problem.origin.line == 1 + Path("old.toml").read_text().splitlines().index("strength = 'much'")


def test_an_override_may_use_the_former_name():
    with_loss("")
    (note,) = validate("old.toml", ["losses.renamed.strength=4"])
    assert note.code == "renamed-setting" and str(note.origin) == "command line"
    assert load("old.toml", ["losses.renamed.strength=4"]).losses["renamed"].block.config.factor == 4.0


def test_a_nested_setting_can_be_renamed_too():
    with_loss("shape = { layers = 3 }")
    (note,) = validate("old.toml")
    assert note.message == "[losses.renamed.shape] the setting 'layers' is now called 'depth'"
    assert load("old.toml").losses["renamed"].block.config.shape.depth == 3


def test_a_setting_of_the_framework_can_be_renamed_too(monkeypatch):
    monkeypatch.setattr("codaar_core.recipe.checking.renamed.former_names", former_names_of_the_framework)
    monkeypatch.setattr("codaar_core.recipe.checking.blocks.former_names", former_names_of_the_framework)
    with_loss("")
    plan = load("old.toml", ["optimizer.learning_rate=0.5", "data.batch_size=7"])
    assert (plan.optimizer.lr, plan.batch) == (0.5, 7)
    assert [note.message for note in plan.notes] == [
        "[data] the setting 'batch_size' is now called 'batch'",
        "[optimizer] the setting 'learning_rate' is now called 'lr'",
    ]


def former_names_of_the_framework(settings: type) -> dict[str, str]:
    return {OptimizerSettings: {"learning_rate": "lr"}, DataSettings: {"batch_size": "batch"}}.get(settings, {})


def test_a_component_without_recipe_warns_at_once():
    with pytest.warns(DeprecationWarning, match=r"command line: \[data\] the setting 'clips' is now called 'rows'"):
        block = load_data("renamed-data", ["data.clips=3"], ["renamed.py"])
    assert block.config.rows == 3


def test_inspect_and_schema_know_both_names_and_mark_the_former_one(call):
    (setting, _) = inspect("loss:renamed", plugins=["renamed.py"]).settings
    assert (setting.name, setting.formerly) == ("factor", "strength")
    _, out, _ = call("inspect", "loss:renamed", "--plugin", "renamed.py")
    assert "scale of the loss; former name, deprecated: strength" in out
    assert "strength" not in out.split("in a recipe")[1]
    made = schema(["renamed.py"])
    definition = next(each for each in made["definitions"]["loss"]["anyOf"] if "factor" in each["properties"])
    assert definition["properties"]["strength"]["deprecated"] is True
    assert definition["properties"]["strength"]["description"] == "deprecated: use factor"
    assert "deprecated" not in definition["properties"]["factor"]
    written = tomli.loads(Path("old.toml").read_text())
    assert list(jsonschema.Draft4Validator(made).iter_errors(written)) == []
    assert json.loads(json.dumps(made)) == made


def test_validate_prints_the_note_and_counts_it(call):
    code, out, _ = call("validate", "old.toml")
    assert code == 0
    assert f"note[renamed-setting]: {MESSAGE}" in out and out.endswith("with 1 note.\n")


def test_explain_shows_what_the_recipe_says():
    assert "losses.renamed.strength" in [each.path for each in explain("old.toml")]
