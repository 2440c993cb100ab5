from __future__ import annotations

from pathlib import Path

import pytest
import tomli
import tomli_w
from toy_plugins import RECIPE

from codaar_core import validate
from codaar_core.api import ComponentError
from codaar_core.recipe import RecipeError, load

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def plan(here):
    Path("toys.toml").write_text(RECIPE)
    return load("toys.toml")


def test_framework_settings(plan):
    assert (plan.run.name, plan.run.seed, plan.run.epochs, plan.run.log_every) == ("toys", 7, 2, 5)
    assert (plan.device.on, plan.device.dtype, plan.device.threads) == ("cpu", "float64", 1)
    assert plan.optimizer.betas == (0.8, 0.99) and plan.optimizer.milestones == (1,)
    assert (plan.evaluate.seeds, plan.evaluate.mode) == ((1, 2), "as-published")
    assert plan.modalities == ("north", "south")
    assert plan.batch == 4
    assert plan.source == Path("toys.toml")


def test_blocks(plan):
    assert plan.encoders["north"].config.limit == 9
    assert plan.encoders["south"].config.dropout == 0.1
    assert plan.encoders["south"].entry.full_name == "toy:toy-encoder"
    assert plan.quantizer.config.pair == (0.5, 2.0) and type(plan.quantizer.config.pair[1]) is float
    assert [block.path for block in plan.align] == ["align.mixing"]
    assert {name: loss.weight for name, loss in plan.losses.items()} == {"main": 0.5, "toy-loss": 1.0}
    assert plan.losses["toy-loss"].block.config.depth == 3
    assert [block.component.__name__ for block in plan.hooks] == ["ToyHook"]
    (judge,) = plan.benchmarks
    assert (judge.name, judge.epochs, judge.batch, judge.lr, judge.clip) == ("judge", 3, 8, 0.01, 0.0)
    assert (judge.head.path, judge.head.config.hidden) == ("bench.judge.head", 6)
    assert plan.data.origin.place == "toys.toml:22:7"
    assert len({block.path for block in plan.blocks()}) == len(list(plan.blocks())) == 12
    assert not plan.notes


def test_resolved_resolves_to_itself(plan):
    Path("resolved.toml").write_text(tomli_w.dumps(plan.resolved))
    again = load("resolved.toml")
    assert again.resolved == plan.resolved == tomli.loads(Path("resolved.toml").read_text())
    assert [block.config for block in again.blocks()] == [block.config for block in plan.blocks()]


def test_resolved_has_all_settings_and_full_names(plan):
    assert plan.resolved["encoders"]["south"] == {
        "use": "toy:toy-encoder",
        "width": 5,
        "dropout": 0.1,
        "norm": "batch",  # `limit` is None: left out
    }
    assert plan.resolved["bench"]["judge"]["head"] == {"use": "toy:toy-head", "hidden": 6}


MINIMAL = """\
codaar = 1
run.name = "small"
data.use = "toy-data"
model.modalities = ["north"]
encoders.north = { use = "toy-encoder", width = 1 }
quantizer.use = "toy-quantizer"
"""


def test_the_smallest_recipe(here):
    Path("small.toml").write_text(MINIMAL)
    plan = load("small.toml")
    assert (plan.run.seed, plan.run.epochs, plan.run.directory) == (43, 6, "runs")
    assert (plan.device.on, plan.batch, plan.evaluate.seeds) == ("auto", 80, (43, 44, 45))
    assert (plan.optimizer.use, plan.optimizer.lr, plan.optimizer.clip) == ("adam", 4e-4, 0.5)
    assert not (plan.align or plan.losses or plan.decoders or plan.benchmarks or plan.hooks)


def test_a_name_without_block_means_the_component_of_that_name(here):
    Path("small.toml").write_text(MINIMAL)
    on = ['model.losses=["toy-loss"]', 'evaluate.on=["toy-benchmark"]', 'run.hooks=["toy-hook"]']
    plan = load("small.toml", on)
    assert plan.losses["toy-loss"].weight == 1.0
    assert plan.benchmarks[0].head.entry.name == "toy-head"
    assert plan.hooks[0].path == "hooks.toy-hook"
    assert plan.overrides == tuple(on)


def test_an_unused_block_is_a_note_and_its_component_is_not_looked_up(here):
    Path("small.toml").write_text(MINIMAL + "[losses.far]\nuse = 'not-installed'\nweight = 2\nanything = 1\n")
    (note,) = validate("small.toml")
    assert (note.level, note.message) == ("note", "[losses.far] is not switched on")
    assert note.origin.place == "small.toml:7:9"


def test_blocks_of_absent_modalities_are_notes(here):
    Path("toys.toml").write_text(RECIPE)
    notes = validate("toys.toml", ['model.modalities=["north"]', "model.align=[]"])
    assert [note.message for note in notes if "modality" in note.message] == [
        "[encoders.south] does not match any modality of model.modalities",
        "[decoders.south] does not match any modality of model.modalities",
    ]
    assert {note.level for note in notes} == {"note"}


def test_a_benchmark_prefers_the_head_of_its_own_package(here, site):
    site.add_toy()
    site.add("codaar-plugin-rival", {"head": {"toy-head": "rival:X"}})
    Path("small.toml").write_text(MINIMAL)
    plan = load("small.toml", ['evaluate.on=["toy-benchmark"]'])
    assert plan.benchmarks[0].head.entry.full_name == "toy:toy-head"


def test_a_head_without_use_is_the_default_one(here):
    Path("small.toml").write_text(MINIMAL)
    plan = load("small.toml", ['evaluate.on=["toy-benchmark"]', "bench.toy-benchmark.head.hidden=9"])
    assert plan.benchmarks[0].head.config.hidden == 9


LOCAL = """
from codaar_core.api import Loss

class MyLoss(Loss):
    def forward(self, view):
        return {}
"""


def test_local_files_are_relative_to_the_recipe_that_names_them(here):
    Path("sub").mkdir()
    Path("sub/mine.py").write_text(LOCAL)
    Path("sub/base.toml").write_text(MINIMAL + "run.plugins = ['mine.py']\n")
    Path("r.toml").write_text("extends = ['sub/base.toml']\nmodel.losses = ['my-loss']\n")
    plan = load("r.toml")
    assert plan.losses["my-loss"].block.entry.full_name == "local:my-loss"
    assert plan.run.plugins == (str(Path("sub/mine.py").resolve()),)
    Path("elsewhere").mkdir()
    Path("elsewhere/resolved.toml").write_text(tomli_w.dumps(plan.resolved))
    assert load("elsewhere/resolved.toml").resolved == plan.resolved


def test_local_files_from_the_command_line(here):
    Path("mine.py").write_text(LOCAL)
    Path("small.toml").write_text(MINIMAL)
    plan = load("small.toml", ['model.losses=["local:my-loss"]'], plugins=["mine.py"])
    assert plan.resolved["run"]["plugins"] == [str(Path("mine.py").resolve())]
    with pytest.raises(RecipeError):
        load("small.toml", ['model.losses=["my-loss"]'])


def test_an_error_while_building_points_to_the_recipe(plan):
    error = plan.problem("encoders.north", ComponentError("width 3 does not fit", "write 4"))
    assert str(error) == (
        "error[unbuildable]: encoders.north: width 3 does not fit\n"
        "  --> toys.toml:28:7\n"
        '   |  use = "toy-encoder"\n'
        "   |        ^^^^^^^^^^^^^\n"
        "   = help: write 4\n"
        "\n"
        "1 problem in 1 file; nothing was run."
    )
    assert error.exit_code == 2


GREEDY = """
import attrs
from codaar_core.api import Loss, setting

class Greedy(Loss):
    @attrs.frozen(kw_only=True)
    class Config:
        weight: float = setting(2.0, "not its own")

    def forward(self, view):
        return {}
"""


def test_a_component_cannot_take_a_setting_of_the_framework(here):
    Path("greedy.py").write_text(GREEDY)
    Path("small.toml").write_text(MINIMAL)
    (problem,) = validate("small.toml", ['model.losses=["greedy"]'], ["greedy.py"])
    assert problem.message == "losses.greedy: Greedy has a setting 'weight', which belongs to the framework"


def test_a_misspelt_table_is_one_problem(here):
    for table in ("run", "model", "data", "quantizer", "encoders.north", "evaluate"):
        Path("toys.toml").write_text(RECIPE.replace(f"[{table}]", f"[{table}s]"))
        (problem,) = [each for each in validate("toys.toml") if each.level == "error"]
        assert table in problem.help


def test_a_misspelt_override_of_an_unused_block(here):
    Path("toys.toml").write_text(RECIPE + "[losses.spare]\nuse = 'toy-loss'\ndepth = 2\n")
    assert [each.level for each in validate("toys.toml", ["losses.spare.depth=3"])] == ["note"]
    (problem,) = validate("toys.toml", ["losses.spare.dept=3"])
    assert (problem.code, problem.origin.source.is_file) == ("unknown-setting", False)
    assert "did you mean 'depth'?" in problem.help


def test_a_misspelt_sweep(here):
    Path("toys.toml").write_text(RECIPE + "[sewep]\ntitle = 'Toys'\n")
    (problem,) = validate("toys.toml")
    assert (problem.code, problem.help) == ("unknown-table", "did you mean 'sweep'?")


def test_an_override_of_a_sweep(here):
    Path("toys.toml").write_text(RECIPE + "[sweep]\nseeds = [1]\n[sweep.arms.long]\nrun.epochs = 9\n")
    assert validate("toys.toml", ["sweep.seeds=[1, 2]"]) == []
    (problem,) = validate("toys.toml", ["sweep.seed=[1, 2]"])
    assert problem.code == "unknown-setting" and "did you mean 'seeds'?" in problem.help
