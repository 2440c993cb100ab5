from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import tomli
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from slips import slips
from toy_plugins import RECIPE

from codaar_core import schema
from codaar_core.recipe.toml.literal import literal

pytestmark = pytest.mark.usefixtures("toy")
laws = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
LINES = RECIPE.split("\n")
PAIRS = [number for number, line in enumerate(LINES) if " = " in line]


@pytest.fixture(scope="module")
def made(toy) -> dict:
    return schema()


def complaints(made: dict, recipe: str) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(made).iter_errors(tomli.loads(recipe))]


def block(made: dict, kind: str) -> dict:
    (only,) = made["definitions"][kind]["anyOf"]
    return only


def test_it_is_a_schema_of_the_draft_that_taplo_reads(made):
    assert made["$schema"] == "http://json-schema.org/draft-04/schema#"
    jsonschema.Draft4Validator.check_schema(made)


def test_a_block_has_the_settings_of_its_component_and_of_the_framework(made):
    loss = block(made, "loss")
    assert list(loss["properties"]) == ["use", "depth", "low", "high", "weight", "pass"]
    assert loss["properties"]["use"] == {
        "enum": ["toy-loss", "toy:toy-loss"],
        "description": "loss of codaar-plugin-toy 0.3.0",
    }
    assert loss["description"] == "Loses toys." and loss["additionalProperties"] is False
    training = ("epochs", "batch", "lr", "clip", "milestones", "gamma", "packed")
    assert list(block(made, "benchmark")["properties"]) == ["use", *training, "head"]


def test_types_choices_defaults_and_help(made):
    settings = block(made, "encoder")["properties"]
    assert settings["width"] == {
        "description": "channels",
        "anyOf": [{"type": "integer"}, {"$ref": "#/definitions/reference"}],
        "minimum": 1,
    }
    assert settings["norm"]["anyOf"][0] == {"enum": ["batch", "layer"]} and settings["norm"]["default"] == "batch"
    assert settings["limit"]["anyOf"][0] == {"type": "integer"} and "default" not in settings["limit"]
    pair = block(made, "quantizer")["properties"]["pair"]
    assert pair["anyOf"][0]["minItems"] == 2 and pair["anyOf"][0]["additionalItems"] is False
    assert pair["default"] == [0.0, 1.0]


def test_bounds_of_numbers(made):
    lr, betas, epochs = (made["properties"][table]["properties"][key] for table, key in BOUNDED)
    assert (lr["minimum"], lr["exclusiveMinimum"]) == (0, True)
    assert epochs["minimum"] == 0 and "exclusiveMinimum" not in epochs
    assert "minimum" not in betas  # its elements have bounds, which the schema leaves to the check


BOUNDED = (("optimizer", "lr"), ("optimizer", "betas"), ("run", "epochs"))


def test_the_toy_recipe_is_valid(made):
    assert complaints(made, RECIPE) == []


def test_a_reference_may_stand_for_any_value(made):
    assert complaints(made, 'run.epochs = "${run.seed}"\nquantizer.sizes = ["${run.seed}", 3]\n') == []
    assert complaints(made, 'run.epochs = "${run.seed"\n')


def test_a_sweep(made):
    table = 'title = "Table"\nseeds = [1]\ncolumns = { "A→B" = "judge/north->east/accuracy" }\n'
    assert complaints(made, f"[sweep]\n{table}published.other = [0.5]\narms.long = {{ run.epochs = 9 }}\n") == []
    assert complaints(made, "[sweep]\narms.long = { run.epoch = 9 }\n")
    assert complaints(made, "[sweep]\narms.long = { sweep = {} }\n")
    assert complaints(made, "[sweep]\nseed = [1]\n")
    assert complaints(made, '[sweep]\ncolumns = { "A→B" = "judge" }\n')
    assert complaints(made, '[sweep]\npublished.other = ["none"]\n')


def test_a_recipe_that_extends_another_needs_no_setting(made):
    assert complaints(made, 'extends = ["x.toml"]\nunset = ["losses.main"]\nencoders.north.width = 4\n') == []


@laws
@given(line=st.sampled_from(PAIRS), data=st.data())
def test_a_slip_in_a_key_is_seen(made, line, data):
    key, value = LINES[line].split(" = ", 1)
    slip = data.draw(slips(key))
    assert complaints(made, "\n".join([*LINES[:line], f"{slip} = {value}", *LINES[line + 1 :]]))


@laws
@given(line=st.sampled_from(PAIRS), data=st.data())
def test_a_wrong_type_is_seen(made, line, data):
    key, written = LINES[line].split(" = ", 1)
    value = tomli.loads(f"x = {written}")["x"]
    wrong = data.draw(st.sampled_from([True, 6.5, "7", [[1]]]))
    assume(type(wrong) is not type(value))
    assert complaints(made, "\n".join([*LINES[:line], f"{key} = {literal(wrong)}", *LINES[line + 1 :]]))


def test_a_broken_plugin_allows_all_settings(site):
    site.add_toy()
    site.add("codaar-plugin-bad", {"loss": {"bad": "bad_loss:X"}}, modules={"bad_loss.py": "1 / 0"})
    made = schema()
    assert complaints(made, "losses.x = { use = 'bad', anything = 3 }\n") == []
    assert complaints(made, "losses.x = { anything = 3 }\n")
    described = [each["properties"]["use"]["description"] for each in made["definitions"]["loss"]["anyOf"]]
    assert "could not be loaded" in described[0]


def test_two_packages_with_one_name_need_the_full_name(site):
    site.add_toy()
    site.add("codaar-plugin-more", {"loss": {"toy-loss": "codaar_plugin_toy.components:ToyLoss"}})
    made = schema()
    assert complaints(made, "losses.x.use = 'more:toy-loss'\n") == []
    assert complaints(made, "losses.x.use = 'toy-loss'\n")


def test_local_files(toy, here):
    Path("mine.py").write_text("from codaar_core.api import RunHooks\n\nclass Mine(RunHooks):\n    '''Mine.'''\n")
    assert complaints(schema(plugins=["mine.py"]), "hooks.x.use = 'local:mine'\n") == []
