"""Names that a recipe gives follow one rule, and each that does not is reported at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_plugins import RECIPE

from codaar_core import load_sweep, validate
from codaar_core.recipe import Problem, RecipeError
from codaar_core.recipe.names import LONGEST, RESERVED, name_fault

pytestmark = pytest.mark.usefixtures("toy", "here")

OUTSIDE = ["../x", "a/b", "a\\b", "..", ".", "", "a.b", "-a", "_a", "a b", "a:b", "é", "a" * (LONGEST + 1)]


@pytest.mark.parametrize("name", ["a", "A-1_b", "0", "a" * LONGEST])
def test_valid_names(name):
    assert name_fault(name, "losses") == ""


@pytest.mark.parametrize("name", OUTSIDE)
def test_invalid_names(name):
    assert name_fault(name).startswith("must ")


def test_a_component_without_block_may_be_named_with_its_provider():
    assert name_fault("local:my-loss", "model.losses") == "" and name_fault("local:my-loss", "losses") == ""
    assert name_fault("local:my-loss") and name_fault("../local:my-loss", "losses") and name_fault("a:b:c", "losses")


def test_reserved_names_are_those_that_torch_refuses():
    from torch import nn

    def refused(name: str) -> bool:
        try:
            nn.ModuleDict({name: nn.Identity()})
        except KeyError:
            return True
        return False

    public = {name for name in dir(nn.ModuleDict()) if not name.startswith("_")}
    missing = {name for name in public if refused(name)} - RESERVED
    assert not missing, "names of modules that this version of torch refuses"
    assert name_fault("keys") == "" and name_fault("keys", "losses")


def problems(recipe: str) -> list[Problem]:
    Path("toys.toml").write_text(recipe, "utf-8")
    return [problem for problem in validate("toys.toml") if problem.level == "error"]


@pytest.mark.parametrize("block", ["losses", "bench", "align", "hooks", "encoders", "decoders"])
@pytest.mark.parametrize("name", ['"../x"', '""', '"a.b"', '"a\\u0000"'])
def test_a_block_with_an_invalid_name_is_one_problem(block, name):
    (problem,) = problems(f"{RECIPE}\n[{block}.{name}]\n")
    assert problem.code == "invalid-name"
    assert problem.origin.source.lines[problem.origin.line - 1] == f"[{block}.{name}]"


@pytest.mark.parametrize("block", ["losses", "encoders"])
def test_a_module_with_a_reserved_name_is_one_problem(block):
    (problem,) = problems(f"{RECIPE}\n[{block}.keys]\n")
    assert problem.code == "invalid-name" and "method of torch modules" in problem.message


@pytest.mark.parametrize("key", ["hooks", "align", "losses", "on"])
def test_a_list_with_an_invalid_name_is_one_problem(key):
    line = next(line for line in RECIPE.splitlines() if line.startswith(f"{key} = ["))
    (problem,) = problems(RECIPE.replace(line, f'{line[:-1]}, "../x"]'))
    assert problem.code == "invalid-name"
    assert problem.origin.source.lines[problem.origin.line - 1].startswith(f"{key} = [")


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a.b"])
def test_the_name_of_the_run_is_one_problem(name):
    line = next(line for line in RECIPE.splitlines() if line.startswith("name = "))
    (problem,) = problems(RECIPE.replace(line, f'name = "{name}"'))
    assert problem.code == "refused-value" and problem.message.startswith("run.name must consist of")


@pytest.mark.parametrize("name", ["../x", "a.b", ""])
def test_the_name_of_an_arm_is_one_problem(name):
    Path("toys.toml").write_text(f'{RECIPE}\n[sweep.arms.good]\n[sweep.arms."{name}"]\n', "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_sweep("toys.toml")
    (problem,) = caught.value.problems
    assert problem.code == "invalid-name" and problem.origin.width == len(name) + 2
