"""The exact text of each kind of message."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from toy_plugins import RECIPE

from codaar_core.recipe import RecipeError, load
from codaar_core.registry import registry
from codaar_core.registry.index.known_plugins import Known

BASE = """\
codaar = 1
run.name = "small"
data.use = "toy-data"
model.modalities = ["north", "south"]
encoders.north = { use = "toy-encoder", width = 1 }
encoders.south = { use = "toy-encoder", width = 1 }
quantizer.use = "toy-quantizer"
"""


@pytest.fixture(autouse=True)
def installed(site, here, monkeypatch):
    site.add_toy()
    site.add("codaar-plugin-probe", {"head": {"toy-head": "probe:X"}}, "0.2.0")
    site.add("codaar-plugin-old", {"loss": {"old": "old_loss:X"}}, "0.3.1", requires=["codaar-core<0.1"])
    site.add(
        "codaar-plugin-mine", {"loss": {"vq": "mine_vq:X"}}, "0.1.0", {"mine_vq.py": "raise ImportError('no einx')"}
    )
    far = Known("codaar-plugin-far", "far", "Far", "official", "plugins/far", "MIT", ">=0.1,<1", ("benchmark:s4",))
    monkeypatch.setattr(registry, "plugins_offering", lambda kind, name, _: [far] * (f"{kind}:{name}" in far.provides))
    Path("base.toml").write_text(BASE)


def message(content: str, *overrides: str, name: str = "mine.toml") -> str:
    Path(name).write_text(content)
    with pytest.raises(RecipeError) as caught:
        load(name, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


CHAIN = 32  # files that may extend one another
EXTENDING = "extends = ['base.toml']\n"
LAST = "\n\n1 problem in 1 file; nothing was run."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "[run]\nepoch = 3\n",
            "error[unknown-setting]: [run] has no setting 'epoch'\n"
            "  --> mine.toml:3:1\n"
            "   |  epoch = 3\n"
            "   |  ^^^^^\n"
            "   = help: did you mean 'epochs'?",
            id="unknown setting",
        ),
        pytest.param(
            '[bench."../x"]\n',
            'error[invalid-name]: bench: the name "../x" must consist of A-Z, a-z, 0-9, - and _, and begin with '
            "one of A-Z, a-z, 0-9\n"
            "  --> mine.toml:2:8\n"
            '   |  [bench."../x"]\n'
            "   |         ^^^^^^\n"
            "   = help: names become folders, columns and modules",
            id="invalid name",
        ),
        pytest.param(
            "[run]\nnam = 'x'\n",
            "error[unknown-setting]: [run] has no setting 'nam'\n"
            "  --> mine.toml:3:1\n"
            "   |  nam = 'x'\n"
            "   |  ^^^\n"
            "   = help: did you mean 'name'? (\"small\", from base.toml:2)",
            id="unknown setting where the right one is given",
        ),
        pytest.param(
            "[optimizer]\nmomentum = 0.9\n",
            "error[unknown-setting]: [optimizer] has no setting 'momentum'\n"
            "  --> mine.toml:3:1\n"
            "   |  momentum = 0.9\n"
            "   |  ^^^^^^^^\n"
            "   = help: its settings are betas, clip, gamma, groups, lr, milestones, schedule, use, warmup, "
            "weight_decay",
            id="unknown setting like no other",
        ),
        pytest.param(
            "[quantiser]\ncodes = 4\n",
            "error[unknown-table]: a recipe has no table [quantiser]\n"
            "  --> mine.toml:2:2\n"
            "   |  [quantiser]\n"
            "   |   ^^^^^^^^^\n"
            "   = help: did you mean 'quantizer'?",
            id="unknown table",
        ),
        pytest.param(
            'quantizer.codes = "800"\n',
            'error[wrong-value]: quantizer.codes: expected an integer, got the string "800"\n'
            "  --> mine.toml:2:19\n"
            '   |  quantizer.codes = "800"\n'
            "   |                    ^^^^^\n"
            "   = help: write 800 without quotes",
            id="wrong type",
        ),
        pytest.param(
            "quantizer.sizes = [\n\t4,\n\t'5',\n]\n",
            'error[wrong-value]: quantizer.sizes: expected an integer, got the string "5"\n'
            "  --> mine.toml:4:2\n"
            "   |  \t'5',\n"
            "   |  \t^^^\n"
            "   = help: write 5 without quotes",
            id="wrong type of an element, after a tab",
        ),
        pytest.param(
            "encoders.north.dropout = 1\n",
            "error[refused-value]: encoders.north.dropout must be < 1.0: 1.0\n"
            "  --> mine.toml:2:26\n"
            "   |  encoders.north.dropout = 1\n"
            "   |                           ^",
            id="a validator's message",
        ),
        pytest.param(
            "model.losses = ['toy-loss']\n[losses.toy-loss]\nlow = 2\n",
            "error[refused-value]: [losses.toy-loss]: low must not exceed high\n"
            "  --> mine.toml:3:9\n"
            "   |  [losses.toy-loss]\n"
            "   |          ^^^^^^^^",
            id="a check of several settings",
        ),
        pytest.param(
            "[sweep]\narms.long = { run.epochs = 9 }\n",
            "error[sweep]: 'mine.toml' is a sweep of several runs: it has a table [sweep]\n"
            "  --> mine.toml:2:2\n"
            "   |  [sweep]\n"
            "   |   ^^^^^\n"
            "   = help: codaar sweep mine.toml",
            id="several runs",
        ),
        pytest.param(
            "[device]\ndtype = 'float46'\n",
            'error[wrong-value]: device.dtype: expected "float32" or "float64", got "float46"\n'
            "  --> mine.toml:3:9\n"
            "   |  dtype = 'float46'\n"
            "   |          ^^^^^^^^^\n"
            '   = help: did you mean "float64"?',
            id="unknown choice",
        ),
        pytest.param(
            "encoders.north.use = 'toy-encodre'\n",
            "error[unknown-name]: there is no encoder 'toy-encodre'\n"
            "  --> mine.toml:2:22\n"
            "   |  encoders.north.use = 'toy-encodre'\n"
            "   |                       ^^^^^^^^^^^^^\n"
            "   = help: did you mean 'toy-encoder'? `codaar list encoders` lists all 1",
            id="unknown name",
        ),
        pytest.param(
            "[bench.s4]\nuse = 'far:s4'\n[evaluate]\non = ['s4']\n",
            "error[not-installed]: benchmark 's4' comes from codaar-plugin-far, which is not installed\n"
            "  --> mine.toml:3:7\n"
            "   |  use = 'far:s4'\n"
            "   |        ^^^^^^^^\n"
            "   = help: pip install codaar-plugin-far",
            id="not installed",
        ),
        pytest.param(
            "evaluate.on = ['toy-benchmark']\nbench.toy-benchmark.head.use = 'toy-head'\n",
            "error[name-clash]: task head 'toy-head' is provided by 2 installed packages\n"
            "  --> mine.toml:3:32\n"
            "   |  bench.toy-benchmark.head.use = 'toy-head'\n"
            "   |                                 ^^^^^^^^^^\n"
            '   = help: write "probe:toy-head" (codaar-plugin-probe 0.2.0) or "toy:toy-head" (codaar-plugin-toy 0.3.0)',
            id="clash",
        ),
        pytest.param(
            "model.losses = ['old']\n",
            "error[incompatible-plugin]: codaar-plugin-old 0.3.1 needs codaar-core <0.1, this is "
            f"{version('codaar-core')}; "
            "it was not imported\n"
            "  --> mine.toml:2:17\n"
            "   |  model.losses = ['old']\n"
            "   |                  ^^^^^\n"
            "   = help: pip install --upgrade codaar-plugin-old codaar-core",
            id="incompatible",
        ),
        pytest.param(
            "model.modalities = ['north', 'west']\n",
            "error[missing-encoder]: modality 'west' has no encoder\n"
            "  --> mine.toml:2:30\n"
            "   |  model.modalities = ['north', 'west']\n"
            "   |                               ^^^^^^\n"
            "   = help: [encoders.west]\n"
            '           use = "..."   # `codaar list encoders`',
            id="modality without encoder",
        ),
        pytest.param(
            "model.modalities = ['north']\nmodel.align = ['toy-align']\n",
            "error[lone-modality]: model.align needs two modalities, model.modalities has 1\n"
            "  --> mine.toml:3:15\n"
            "   |  model.align = ['toy-align']\n"
            "   |                ^^^^^^^^^^^^^\n"
            "   = help: align = []",
            id="alignment of one modality",
        ),
        pytest.param(
            "model.losses = ['toy-loss']\nrun.updates_per_step = 2\nlosses.toy-loss.pass = 'first'\n",
            "error[idle-pass]: run.updates_per_step = 2, but no loss reads the last pass: losses.toy-loss\n"
            "  --> mine.toml:3:24\n"
            "   |  run.updates_per_step = 2\n"
            "   |                         ^\n"
            '   = help: pass = "last" for one of them',
            id="a last pass that no loss reads",
        ),
        pytest.param(
            "run.best = 'totl'\n",
            "error[wrong-value]: run.best = 'totl' is not an epoch metric\n"
            "  --> mine.toml:2:12\n"
            "   |  run.best = 'totl'\n"
            "   |             ^^^^^^\n"
            "   = help: did you mean 'total'?",
            id="an unknown value of the best epoch",
        ),
        pytest.param(
            "model.losses = ['toy-loss', 'toy-loss']\n",
            "error[refused-value]: model.losses must not name 'toy-loss' twice\n"
            "  --> mine.toml:2:16\n"
            "   |  model.losses = ['toy-loss', 'toy-loss']\n"
            "   |                 ^^^^^^^^^^^^^^^^^^^^^^^^",
            id="twice in a list",
        ),
        pytest.param(
            "model.losses = ['mian']\n[losses.main]\nuse = 'toy-loss'\n",
            "error[unknown-name]: there is no loss 'mian'\n"
            "  --> mine.toml:2:17\n"
            "   |  model.losses = ['mian']\n"
            "   |                  ^^^^^^\n"
            "   = help: did you mean 'main'? [losses.main] is at mine.toml:3",
            id="a list names a block with a slip",
        ),
        pytest.param(
            "evaluate.on = ['toy-benchmark']\nbench.toy-benchmark.head = 'toy-head'\n",
            'error[wrong-value]: bench.toy-benchmark.head: expected a table, got the string "toy-head"\n'
            "  --> mine.toml:3:28\n"
            "   |  bench.toy-benchmark.head = 'toy-head'\n"
            "   |                             ^^^^^^^^^^\n"
            '   = help: head = { use = "toy-head" }',
            id="a value where a table belongs",
        ),
        pytest.param(
            "quantizer = 'toy-quantizer'\n",
            'error[wrong-value]: quantizer: expected a table, got the string "toy-quantizer"\n'
            "  --> mine.toml:2:13\n"
            "   |  quantizer = 'toy-quantizer'\n"
            "   |              ^^^^^^^^^^^^^^^\n"
            "   = help: [quantizer]\n"
            '           use = "toy-quantizer"',
            id="a value where a section belongs",
        ),
        pytest.param(
            "codaar = 2\n",
            "error[recipe-format]: this codaar-core reads recipe format 1, not 2\n"
            "  --> mine.toml:2:10\n"
            "   |  codaar = 2\n"
            "   |           ^\n"
            "   = help: codaar = 1",
            id="another format",
        ),
        pytest.param(
            "run.plugins = ['mine.py']\n",
            "error[broken-plugin]: there is no plug-in file 'mine.py'\n"
            "  --> mine.toml:2:16\n"
            "   |  run.plugins = ['mine.py']\n"
            "   |                 ^^^^^^^^^\n"
            "   = help: looked in {here}; paths in run.plugins are relative to the recipe, "
            "those of --plugin to the working folder",
            id="missing local file",
        ),
        pytest.param(
            "run.directory = '${env:CODAAR_ABSENT}'\n",
            "error[environment]: ${env:CODAAR_ABSENT}: the environment variable CODAAR_ABSENT is not set\n"
            "  --> mine.toml:2:17\n"
            "   |  run.directory = '${env:CODAAR_ABSENT}'\n"
            "   |                  ^^^^^^^^^^^^^^^^^^^^^^\n"
            "   = help: export CODAAR_ABSENT=...",
            id="environment",
        ),
        pytest.param(
            "run.epochs = '${run.seeed}'\nrun.seed = 3\n",
            "error[reference]: ${run.seeed}: the recipe does not set run.seeed\n"
            "  --> mine.toml:2:14\n"
            "   |  run.epochs = '${run.seeed}'\n"
            "   |               ^^^^^^^^^^^^^^\n"
            "   = help: did you mean 'run.seed'?",
            id="reference",
        ),
        pytest.param(
            "unset = ['encoders.nort']\n",
            "error[unset]: unset: no inherited block or value is called 'encoders.nort'\n"
            "  --> mine.toml:2:10\n"
            "   |  unset = ['encoders.nort']\n"
            "   |           ^^^^^^^^^^^^^^^\n"
            "   = help: did you mean 'encoders.north'?",
            id="unset",
        ),
        pytest.param(
            "[run]\nname = avt\n",
            "error[not-toml]: not valid TOML: invalid value\n"
            "  --> mine.toml:3:8\n"
            "   |  name = avt\n"
            "   |         ^\n"
            '   = help: put the string in quotes: name = "avt"',
            id="no TOML",
        ),
        pytest.param(
            "[run]\nepochs = 3\nepochs = 4\n",
            "error[not-toml]: not valid TOML: cannot overwrite a value\n"
            "  --> mine.toml:4:10\n"
            "   |  epochs = 4\n"
            "   |           ^",
            id="a key twice",
        ),
    ],
)
def test_one_problem(content, expected):
    assert message(EXTENDING + content) == expected.replace("{here}", str(Path.cwd())) + LAST


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "extends = ['bsae.toml']\n",
            "error[unreadable-file]: there is no file 'bsae.toml'\n"
            "  --> mine.toml:1:12\n"
            "   |  extends = ['bsae.toml']\n"
            "   |             ^^^^^^^^^^^\n"
            "   = help: did you mean 'base.toml'?",
            id="missing base",
        ),
        pytest.param(
            "extends = 'base.toml'\n",
            'error[wrong-value]: extends: expected a list of strings, got the string "base.toml"\n'
            "  --> mine.toml:1:11\n"
            "   |  extends = 'base.toml'\n"
            "   |            ^^^^^^^^^^^\n"
            '   = help: write extends = ["..."]',
            id="extends is a list",
        ),
        pytest.param(
            "extends = ['mine.toml']\n",
            "error[circular-extends]: extends is circular: mine.toml -> mine.toml\n"
            "  --> mine.toml:1:12\n"
            "   |  extends = ['mine.toml']\n"
            "   |             ^^^^^^^^^^^\n"
            "   = help: remove one of these extends",
            id="circle",
        ),
        pytest.param(
            BASE.replace("codaar = 1\n", ""),
            "error[recipe-format]: the recipe does not state its format\n  --> mine.toml:1:1\n   = help: codaar = 1",
            id="no format",
        ),
        pytest.param(
            BASE.replace('quantizer.use = "toy-quantizer"\n', ""),
            "error[missing-setting]: the recipe has no [quantizer]\n"
            "  --> mine.toml:1:1\n"
            "   = help: [quantizer]\n"
            '           use = "..."   # `codaar list quantizers` lists them',
            id="no quantizer",
        ),
        pytest.param(
            BASE.replace('run.name = "small"', "run.seed = 1"),
            "error[missing-setting]: [run] needs 'name'\n"
            "  --> mine.toml:2:1\n"
            "   |  run.seed = 1\n"
            "   |  ^^^\n"
            "   = help: name = ...   # name of the run, whose folder is DIRECTORY/NAME/TIME",
            id="missing setting",
        ),
        pytest.param(
            BASE.replace('{ use = "toy-encoder", width = 1 }', "{ width = 1 }", 1),
            "error[missing-setting]: [encoders.north] needs 'use'\n"
            "  --> mine.toml:5:10\n"
            "   |  encoders.north = { width = 1 }\n"
            "   |           ^^^^^\n"
            '   = help: use = "..."   # `codaar list encoders` lists them',
            id="missing use",
        ),
    ],
)
def test_one_problem_of_a_whole_file(content, expected):
    assert message(content) == expected + LAST


def test_circular_extends_of_two_files():
    Path("other.toml").write_text("extends = ['mine.toml']\n")
    assert "error[circular-extends]: extends is circular: mine.toml -> other.toml -> mine.toml" in message(
        "extends = ['other.toml']\n"
    )


def test_a_broken_plugin():
    said = message(EXTENDING + "model.losses = ['vq']\n")
    assert said.startswith(
        "error[broken-plugin]: loss 'mine:vq' could not be loaded from codaar-plugin-mine 0.1.0: ImportError: no einx ("
    )
    assert "mine_vq.py:1)\n  --> mine.toml:2:17\n" in said


def test_a_missing_recipe():
    with pytest.raises(RecipeError) as caught:
        load("bass.toml")
    assert str(caught.value) == (
        "error[unreadable-file]: there is no file 'bass.toml'\n"
        "   = help: did you mean 'base.toml'?\n\n"
        "1 problem; nothing was run."
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "quantiser.codes=400",
            "error[unknown-table]: a recipe has no table [quantiser]\n"
            "  --> command line\n"
            "   |  -o quantiser.codes=400\n"
            "   |     ^^^^^^^^^\n"
            "   = help: did you mean 'quantizer'?",
        ),
        (
            "run.epochs=many",
            'error[wrong-value]: run.epochs: expected an integer, got the string "many"\n'
            "  --> command line\n"
            "   |  -o run.epochs=many\n"
            "   |                ^^^^",
        ),
        (
            "epochs",
            "error[override]: -o epochs: expected path=value\n"
            "  --> command line\n"
            "   |  -o epochs\n"
            "   |     ^^^^^^\n"
            "   = help: for example -o run.epochs=3",
        ),
        (
            "extends=['x']",
            "error[override]: -o cannot set extends\n"
            "  --> command line\n"
            "   |  -o extends=['x']\n"
            "   |     ^^^^^^^^^^^^^\n"
            "   = help: write a file that extends this one",
        ),
    ],
)
def test_one_problem_on_the_command_line(override, expected):
    assert message(EXTENDING, override) == expected + "\n\n1 problem on the command line; nothing was run."


def test_a_chain_of_extends_that_is_too_long():
    for level in range(CHAIN):
        Path(f"{level}.toml").write_text(f"extends = ['{level + 1}.toml']\n")
    assert message("extends = ['0.toml']\n") == (
        f"error[too-deep]: more than {CHAIN} files extend one another\n"
        f"  --> {CHAIN - 2}.toml:1:12\n"
        f"   |  extends = ['{CHAIN - 1}.toml']\n"
        f"   |             {'^' * 9}\n"
        "   = help: let a recipe extend the files that it needs directly" + LAST
    )


def test_control_characters_do_not_reach_the_terminal():
    said = message("extends = ['base.toml']\nrun.name = \"\x1b[2J\"\n".replace("\x1b", "\x7f"))
    assert "\x7f" not in said and "\N{REPLACEMENT CHARACTER}" in said


def test_many_problems_are_sorted_and_counted():
    Path("base.toml").write_text(BASE + "[run2]\n")
    said = message(
        EXTENDING + "[run]\nepochs = '3'\nsede = 1\n[model]\nlosses = ['nothing', 'vq']\n",
        "device.threads=-1",
        "device.on=tpu",
    )
    places = [line.split("--> ")[1] for line in said.splitlines() if line.startswith("  -->")]
    assert places == [
        "base.toml:8:2",
        "mine.toml:3:10",
        "mine.toml:4:1",
        "mine.toml:6:11",
        "mine.toml:6:22",
        "command line",
        "command line",
    ]
    assert said.endswith("\n\n7 problems in 2 files and on the command line; nothing was run.")


def test_notes_look_like_problems():
    Path("toys.toml").write_text(RECIPE.replace('"toy-head"', '"toy:toy-head"') + "[losses.mian]\n")
    (note,) = load("toys.toml").notes
    assert str(note) == (
        "note[unused-block]: [losses.mian] is not switched on\n"
        "  --> toys.toml:90:9\n"
        "   |  [losses.mian]\n"
        "   |          ^^^^\n"
        "   = help: model.losses switches blocks on"
    )


def test_a_component_replaced_on_the_command_line_drops_the_settings_of_the_recipe():
    Path("toys.toml").write_text(RECIPE.replace('"toy-head"', '"toy:toy-head"'))
    (note,) = load("toys.toml", ["encoders.north.use=toy:toy-encoder", "encoders.north.width=2"]).notes
    assert str(note) == (
        "note[dropped-settings]: [encoders.north] has another component, so the recipe's settings of it are dropped: "
        "dropout, norm, limit\n"
        "  --> command line\n"
        "   |  -o encoders.north.use=toy:toy-encoder\n"
        "   |                        ^^^^^^^^^^^^^^^\n"
        "   = help: set them anew, e.g. -o encoders.north.dropout=..."
    )
