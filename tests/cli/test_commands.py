from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console
from toy_plugins import RECIPE

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.cli.commands import VERBS, codaar, load_verb
from codaar_core.cli.guard import guarded
from codaar_core.cli.progress import Progress

SMALL = """\
codaar = 1
[run]
name = "small"
[data]
use = "toy-data"
[model]
modalities = ["north"]
[encoders.north]
use = "toy-encoder"
width = 1
[quantizer]
use = "toy-quantizer"
"""


@pytest.fixture(autouse=True)
def installed(site, here):
    site.add_toy()
    Path("small.toml").write_text(SMALL)


@pytest.fixture
def call(capsys):
    """Run the command line; gives exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = guarded(codaar, list(arguments), "codaar")
        return code, *capsys.readouterr()

    return run


# Help


def test_help_names_verbs_rules_and_exit_codes(call):
    code, out, _ = call("--help")
    assert code == 0
    for promise in (*VERBS, "extends", "unset", "-o path=value", "${a.b}", "${env:NAME}", "130 interrupted"):
        assert promise in out
    assert "..." not in out.partition("Commands:")[2]  # every summary fits


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call, verb):
    code, out, _ = call(verb, "-h")
    assert code == 0 and "--traceback" in out


def test_codaar_run_is_codaar_run(capsys):
    assert guarded(load_verb("run"), ["--help"], "codaar-run") == 0
    assert "Usage: codaar-run [OPTIONS] RECIPE" in capsys.readouterr().out


def test_an_unknown_verb(call):
    code, _, error = call("explian", "small.toml")
    assert code == 2 and "did you mean 'explain'?" in error


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "plugins"], ["explain", "small.toml"], ["run", "-h"]]
)
def test_nothing_heavy_is_imported(arguments):
    code = f"""
import sys
from codaar_core.cli.commands import codaar
from codaar_core.cli.guard import guarded
assert guarded(codaar, {arguments!r}, "codaar") == 0
heavy = {{"torch", "numpy", "matplotlib", "rich", "transformers"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_itself_is_light():
    code = "import sys, codaar_core.cli, codaar_core.recipe; assert not {'torch', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_does_not_import_torch():
    recipe = SMALL.replace("toy", "absent")
    Path("absent.toml").write_text(recipe)
    code = """
import sys
from codaar_core import validate
assert len(validate("absent.toml")) == 3
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# Verbs


def test_list(call):
    code, out, _ = call("list", "losses")
    assert (code, out) == (0, "losses\n  toy-loss  codaar-plugin-toy 0.3.0  Loses toys.\n")
    assert call("list", "loss")[1] == out


def test_list_everything(call):
    _, out, _ = call("list")
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        *("encoders", "decoders", "quantizers", "alignments", "losses", "heads", "data", "benchmarks", "hooks")
    ]


def test_list_an_unknown_kind(call):
    code, _, error = call("list", "encoder5")
    assert code == 2
    assert error.startswith("error[unknown-kind]: there is no kind 'encoder5'\n")
    assert error.endswith("\n   = help: did you mean 'encoder' or 'encoders'?\n")


def test_list_plugins(call):
    code, out, _ = call("list", "plugins")
    assert code == 0
    assert out.startswith("installed\n  codaar-plugin-toy 0.3.0  encoder:toy-encoder, ")
    assert "pip install codaar-plugin-" in out  # what the index knows besides


def test_list_recipes(call):
    Path("recipes/deep").mkdir(parents=True)
    Path("recipes/deep/a.toml").write_text("# What a does.\n# More.\ncodaar = 1\n")
    Path("recipes/b.toml").write_text("#:schema x\n# What b does.\nextends = []\n")
    Path("pyproject.toml").write_text("[project]\n")
    assert " ".join(call("list", "recipes")[1].split()) == (
        "recipes/b.toml What b does. recipes/deep/a.toml What a does. small.toml"
    )


def test_explain(call):
    Path("base.toml").write_text(SMALL)
    Path("r.toml").write_text("extends = ['base.toml']\n[quantizer]\ncodes = 4\n")
    code, out, _ = call("explain", "r.toml", "-o", "optimizer.lr=1e-4", "-o", "device.on=cpu")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert rows["run.name"].split() == ["run.name", "=", '"small"', "#", "base.toml:3"]
    assert rows["quantizer.codes"].split("#")[1] == " r.toml:3"
    assert rows["optimizer.lr"].split() == ["optimizer.lr", "=", "0.0001", "#", "command", "line"]
    assert rows["device.on"].split()[2] == '"cpu"'
    assert rows["run.seed"].split() == ["run.seed", "=", "43", "#", "default"]


def test_validate(call):
    assert call("validate", "small.toml")[:2] == (0, "small.toml is good.\n")
    code, out, error = call("validate", "small.toml", "-o", "run.epochs=x")
    assert (code, out) == (2, "")
    assert error.endswith("1 problem on the command line; nothing was run.\n")


def test_validate_prints_notes(call):
    Path("more.toml").write_text(SMALL + "[losses.x]\nweight = 2.0\n")
    code, out, _ = call("validate", "more.toml")
    assert code == 0
    assert out.startswith("note[unused-block]: [losses.x] is not switched on\n")
    assert out.endswith("more.toml is good, with 1 note.\n")


def test_validate_refuses_an_override_without_effect(call):
    code, _, error = call("validate", "small.toml", "-o", "losses.x.weight=2")
    assert code == 2
    assert error.startswith("error[unused-block]: [losses.x] is not switched on\n")


def test_inspect(call):
    code, out, _ = call("inspect", "encoder:toy-encoder")
    assert code == 0
    assert out.startswith("encoder toy:toy-encoder\ncodaar-plugin-toy 0.3.0\n")
    assert "components.py:" in out and "Encodes toys.\n\nAnd more.\n" in out
    settings, block = out.split("settings\n")[1].split("\nin a recipe\n")
    assert [line.split()[:2] for line in settings.splitlines()] == [
        ["width", "integer"],
        ["dropout", "number"],
        ["norm", '"batch"'],
        ["limit", "integer"],
    ]
    assert block == (
        "[encoders.MODALITY]\n"
        'use     = "toy-encoder"\n'
        "width   = ...      # channels\n"
        "dropout = 0.1      # share of channels dropped\n"
        'norm    = "batch"  # kind of normalisation\n'
        "# limit = ...      # greatest number of steps\n"
    )


def test_a_block_from_inspect_can_be_pasted(call):
    for kind, name in (
        ("alignment", "toy-align"),
        ("loss", "toy-loss"),
        ("benchmark", "toy-benchmark"),
        ("hook", "toy-hook"),
    ):
        block = call("inspect", f"{kind}:{name}")[1].split("in a recipe\n")[1]
        lists = {"alignment": "model.align", "loss": "model.losses", "benchmark": "evaluate.on", "hook": "run.hooks"}
        content = (
            SMALL.replace('["north"]', '["north", "south"]') + "[encoders.south]\nuse = 'toy-encoder'\nwidth = 1\n"
        )
        Path("pasted.toml").write_text(content + block)
        assert call("validate", "pasted.toml", "-o", f"{lists[kind]}=['{name}']")[0] == 0


CASCADE = """
import torch
from codaar_core.api import AlignmentStep

class Cascade(AlignmentStep):
    '''Each becomes the mean of all, one after another.'''

    def adjust(self, codebooks):
        adjusted = dict(codebooks)
        for name in adjusted:
            adjusted[name] = sum(adjusted.values()) / len(adjusted)
        return adjusted

    def matrix(self, modalities):
        rows = self.adjust(dict(zip(modalities, torch.eye(len(modalities)))))
        return torch.stack([rows[name] for name in modalities])
"""


def test_inspect_shows_closed_forms_as_fractions(call):
    Path("mine.py").write_text(CASCADE)
    _, out, _ = call("inspect", "alignment:cascade", "--plugin", "mine.py", "--modalities", "text,audio,video")
    form = out.split("closed form: a row is made of\n")[1].split("\n\n")[0]
    assert [line.split() for line in form.splitlines()] == [
        ["text", "audio", "video"],
        ["text", "1/3", "1/3", "1/3"],
        ["audio", "1/9", "4/9", "4/9"],
        ["video", "4/27", "7/27", "16/27"],
    ]


def test_inspect_shows_two_and_three_modalities_by_default(call):
    Path("mine.py").write_text(CASCADE)
    _, out, _ = call("inspect", "alignment:local:cascade", "--plugin", "mine.py")
    assert out.count("closed form") == 2
    assert ["B", "1/4", "3/4"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("component", ["loss", "loss:absent", "los:toy-loss"])
def test_inspect_what_is_not_there(call, component):
    code, _, error = call("inspect", component)
    assert code == 2 and error.startswith("error") and "= help: " in error


# Running, with an engine made up for the test


@pytest.fixture
def engine(monkeypatch):
    """What the made-up engine was asked to do."""
    from codaar_core import engine, report

    asked = {}

    def run(plan, resume=None, observers=(), locked=None):
        asked.update(plan=plan, resume=resume, observers=observers, locked=locked)
        if "fails" in asked:
            raise asked["fails"]
        Path("finished").mkdir()
        return Path("finished")

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(report, "write", lambda directory, control=None: directory / "report.html")
    monkeypatch.setattr(report, "read", lambda directory: {"name": f"what is in {directory}"})
    monkeypatch.setattr(
        report, "terminal", lambda results, console: console.print("table of", results["name"]), raising=False
    )
    return asked


def test_run(call, engine):
    code, out, error = call("run", "small.toml", "-o", "run.epochs=1", "--directory", "5", "--resume", "auto")
    assert (code, error) == (0, "")
    assert out == "table of what is in finished\nreport: finished/report.html\n"
    assert (engine["plan"].run.epochs, engine["plan"].run.directory, engine["resume"]) == (1, "5", "auto")


def test_a_run_prints_notes_about_slips_only(call, engine):
    blocks = "[losses.toy-los]\ndepth = 2\n[align.x]\nuse = 'toy-align'\n"
    Path("more.toml").write_text(SMALL + blocks)
    code, _, error = call("run", "more.toml", "-o", "model.losses=['toy-loss']")
    assert code == 0
    assert error.startswith("note[unused-block]: [losses.toy-los] is not switched on\n") and error.count("note[") == 1


@pytest.mark.parametrize(
    ("words", "lock"), [([], None), (["--locked"], Path("small.lock.toml")), (["--locked", "runs/x"], Path("runs/x"))]
)
def test_the_lock_that_is_meant(call, engine, words, lock):
    assert call("run", "small.toml", *words)[0] == 0
    assert engine["locked"] == lock


def test_a_wrong_recipe_runs_nothing(call, engine):
    code, _, error = call("run", "small.toml", "-o", "run.epochs=x")
    assert code == 2 and "nothing was run" in error and not engine


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (CodaarError("the disk is full", "make room"), 1, "error: the disk is full\n   = help: make room\n"),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "error: unexpected ZeroDivisionError: division by zero\n"
            "   = help: `--traceback` shows where; please report it\n",
        ),
        (KeyboardInterrupt(), 130, "error: interrupted before anything was saved\n"),
    ],
)
def test_a_run_that_fails(call, engine, failure, code, said):
    engine["fails"] = failure
    assert call("run", "small.toml") == (code, "", said)


def test_traceback_shows_where(call, engine):
    engine["fails"] = ZeroDivisionError("x")
    for arguments in (["--traceback", "run", "small.toml"], ["run", "small.toml", "--traceback"]):
        code, _, error = call(*arguments)
        assert code == 1 and error.startswith("Traceback (most recent call last)")


def test_an_interruption_says_where_the_state_is(call, monkeypatch, engine):
    from codaar_core import engine as module

    def run(plan, resume=None, observers=(), locked=None):
        observers[0].codaar_checkpoint_saved(Path("runs/small/T/checkpoints/step-4"))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", run)
    assert call("run", "small.toml") == (
        130,
        "",
        "error: interrupted; the last saved state is runs/small/T/checkpoints/step-4\n"
        "   = help: codaar-run small.toml --resume runs/small/T\n",
    )


def test_ctrl_c_anywhere_else(capsys):
    @click.command()
    def command():
        raise KeyboardInterrupt

    assert guarded(command, [], "x") == 130
    assert capsys.readouterr().err.strip() == "error: interrupted"


def test_report(call, engine):
    Path("run").mkdir()
    assert call("report", "run", "--control", "run")[:2] == (0, "report: run/report.html\n")


# What a run shows


def shown(terminal: bool) -> str:
    console = Console(force_terminal=terminal, width=100, record=True, file=io.StringIO())
    progress = Progress(console)
    progress.codaar_run_start(directory=Path("runs/x"), parameters=1234)
    for epoch in range(2):
        progress.codaar_epoch_start(epoch=epoch, epochs=2, steps=3)
        for step in range(3 * epoch, 3 * epoch + 3):
            progress.codaar_step_end(step=step)
            progress.codaar_step_logged(values={"total": 1.0})
        progress.codaar_epoch_end(epoch=epoch, values={"total": 2.5, "perplexity.north": 7.25, "grad_norm": 1.0})
    progress.codaar_benchmark_start(benchmark="judge", heads=2)
    progress.codaar_head_end()
    entry = {"metric": "accuracy", "headline": True, "mean": 0.5, "chance": 0.1, "caveat": ""}
    progress.codaar_benchmark_end(
        benchmark="judge", results=[entry, {**entry, "mean": 0.7}, {**entry, "headline": False}]
    )
    progress.codaar_run_end()
    return console.export_text()


@pytest.mark.parametrize("terminal", [False, True])
def test_one_line_an_epoch_and_a_benchmark(terminal):
    output = shown(terminal)
    lines = [
        "run runs/x, 1,234 parameters",
        "epoch 1/2  total 2.5  perplexity north 7.2  0.0 s",
        "epoch 2/2  total 2.5  perplexity north 7.2  0.0 s",
        "judge  accuracy 60.0 (chance 10.0)  2 heads  0.0 s",
    ]
    assert all(line in output for line in lines) if terminal else output.splitlines() == lines


def test_progress_fits_the_hooks():
    import pluggy

    from codaar_core.api.hooks import PROJECT, Specification

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Progress(Console()))
    manager.check_pending()


# Python twins


def test_every_verb_is_a_function(here, engine):
    assert codaar_core.validate("small.toml") == []
    assert codaar_core.load("small.toml").run.name == "small"
    assert codaar_core.explain("small.toml")[0].path == "codaar"
    assert codaar_core.list_components("loss")[0].use == "toy-loss"
    assert codaar_core.inspect("loss:toy-loss").settings[0].name == "depth"
    assert codaar_core.run("small.toml", ["run.epochs=1"], resume="auto") == Path("finished")
    assert engine["plan"].run.epochs == 1 and engine["resume"] == "auto"
    assert codaar_core.write_report(Path("finished")) == Path("finished/report.html")
    assert all(callable(getattr(codaar_core, name)) for name in codaar_core.__all__ if name != "__version__")
    with pytest.raises(AttributeError):
        codaar_core.nothing_like_it  # noqa: B018


def test_a_good_recipe_of_everything(call):
    Path("toys.toml").write_text(RECIPE)
    assert call("validate", "toys.toml")[:2] == (0, "toys.toml is good.\n")
