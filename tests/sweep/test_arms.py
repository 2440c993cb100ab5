"""The table [sweep] of a recipe: plans of its arms, and messages about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_plugins import RECIPE

from codaar_core import load, load_sweep, validate
from codaar_core.recipe import RecipeError

pytestmark = pytest.mark.usefixtures("toy", "here")

SWEEP = """
[sweep]
title = "Toys"
seeds = [1, 2]

[sweep.columns]
"north to south" = "judge/north->south/accuracy"
"south to north" = "judge/south->north/accuracy"

[sweep.arms.full]

[sweep.arms.plain]
model.align = []
encoders.north.limit = 5

[sweep.published]
full = [95.5, ""]
"somebody else" = [1, 2]
"""


def written(sweep: str = SWEEP) -> Path:
    path = Path("toys.toml")
    path.write_text(RECIPE + sweep, "utf-8")
    return path


def complaint(sweep: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_sweep(written(sweep))
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


def test_an_arm_is_the_recipe_with_its_changes():
    sweep = load_sweep(written())
    full, plain = sweep.arms
    assert (sweep.name, sweep.title, [arm.name for arm in sweep.arms]) == ("toys", "Toys", ["full", "plain"])
    assert [[plan.run.seed for plan in arm.plans] for arm in sweep.arms] == [[1, 2], [1, 2]]
    assert [plan.run.name for plan in (full.plans[0], plain.plans[0])] == ["toys-full", "toys-plain"]
    assert [block.path for block in full.plans[0].align] == ["align.mixing"]
    assert plain.plans[1].align == ()
    assert plain.plans[0].encoders["north"].config.limit == 5
    assert plain.plans[0].resolved["losses"] == full.plans[0].resolved["losses"]


def test_overrides_apply_to_every_arm():
    sweep = load_sweep(written(), ["encoders.north.limit=3", "run.epochs=1"])
    limits = [plan.encoders["north"].config.limit for arm in sweep.arms for plan in arm.plans]
    assert limits == [3] * 4
    assert {plan.run.epochs for arm in sweep.arms for plan in arm.plans} == {1}


def test_another_name_of_the_run_keeps_the_arms_apart():
    sweep = load_sweep(written(), ["run.name=other"])
    assert sweep.name == "other" and [arm.plans[0].run.name for arm in sweep.arms] == ["other-full", "other-plain"]


def test_arms_whose_runs_would_share_a_folder_are_refused():
    same = SWEEP.replace("[sweep.arms.plain]\n", '[sweep.arms.a-full]\nrun.name = "x"\n').replace(
        "[sweep.arms.full]\n", '[sweep.arms.full]\nrun.name = "x-a"\n'
    )
    assert "have the same name 'x-a-full'" in complaint(same)


def test_an_invalid_name_of_the_run_is_reported_at_its_line():
    path = written()
    path.write_text(path.read_text().replace('name = "toys"', 'name = "a/b"'))
    with pytest.raises(RecipeError) as caught:
        load_sweep(path)
    assert {str(problem.origin) for problem in caught.value.problems} == {"toys.toml:4"}


def test_an_arm_may_extend_and_unset():
    Path("parts").mkdir()
    Path("parts/limited.toml").write_text(
        "codaar = 1\n[model]\nalign = []\n[encoders.north]\nlimit = 4\n[encoders.south]\nlimit = 6\n"
    )
    changes = 'extends = ["parts/limited.toml"]\nunset = ["encoders.south.limit"]\nencoders.north.limit = 5\n'
    sweep = load_sweep(written(SWEEP.replace("[sweep.arms.full]\n", f"[sweep.arms.full]\n{changes}")))
    (plan, _), (other, _) = (arm.plans for arm in sweep.arms)
    assert plan.align == () and plan.encoders["north"].config.limit == 5
    assert plan.encoders["south"].config.limit == other.encoders["south"].config.limit


def test_files_that_an_arm_extends_are_checked():
    missing = complaint(SWEEP.replace("[sweep.arms.full]\n", '[sweep.arms.full]\nextends = ["nowhere.toml"]\n'))
    assert "there is no file 'nowhere.toml'" in missing and "toys.toml:" in missing
    Path("part.toml").write_text("codaar = 1\n[encoders.north]\nlimti = 4\n")
    slip = complaint(SWEEP.replace("[sweep.arms.full]\n", '[sweep.arms.full]\nextends = ["part.toml"]\n'))
    assert "part.toml:3:1" in slip and "'limit'" in slip
    nothing = complaint(SWEEP.replace("[sweep.arms.full]\n", '[sweep.arms.full]\nunset = ["encoders.nroth"]\n'))
    assert "encoders.north" in nothing


def test_without_seeds_each_arm_runs_once_with_the_seed_of_the_recipe():
    sweep = load_sweep(written(SWEEP.replace("seeds = [1, 2]", "")))
    assert [[plan.run.seed for plan in arm.plans] for arm in sweep.arms] == [[7], [7]]


def test_published_rows():
    assert load_sweep(written()).published == {"full": (95.5, None), "somebody else": (1.0, 2.0)}


def test_a_sweep_is_not_one_run():
    with pytest.raises(RecipeError, match="is a sweep of several runs") as caught:
        load(written())
    assert "codaar sweep toys.toml" in str(caught.value)


def test_one_run_is_not_a_sweep():
    assert "has no table [sweep]" in complaint("")
    assert "codaar-run toys.toml" in complaint("")


def test_validate_checks_every_arm():
    assert not [problem for problem in validate(written()) if problem.level == "error"]
    wrong = SWEEP.replace("model.align = []", "model.algin = []").replace(
        "[sweep.arms.full]", "[sweep.arms.full]\nrun.epochs = -1"
    )
    messages = [problem.message for problem in validate(written(wrong)) if problem.level == "error"]
    assert len(messages) == 2, "each once, though both seeds have it"
    assert "algin" in messages[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"judge/north->south/accuracy"', '"accuracy"', "is not a valid column"),
        ('"judge/north->south/accuracy"', "3", "is not a valid column"),
        ('"judge/north->south/accuracy"', '"pretraining/"', "is not a valid column"),
        ('"judge/north->south/accuracy"', '"juge/north->south/accuracy"', "shows 'juge', on which no arm is evaluated"),
        ("[1, 2]\n\n[sweep.columns]", "[-1]\n\n[sweep.columns]", "seeds"),
        ("title =", "titel =", "titel"),
        ("full = [95.5", "full = [true", "needs 2 numbers"),
        ("[1, 2]\n", "[1]\n", "needs 2 numbers"),
        ("[sweep.arms.full]", "[sweep.arms]\nfull = 3", "expected a table"),
    ],
)
def test_a_mistake_in_the_sweep_is_one_problem(old, new, message):
    *before, last = SWEEP.rsplit(old, 1) if old == "[1, 2]\n" else SWEEP.split(old, 1)
    assert message in complaint(f"{before[0]}{new}{last}")


def test_a_sweep_without_arms():
    assert "has no arms" in complaint("[sweep]\n")
