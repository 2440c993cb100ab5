"""Every verb has a Python twin: functions of codaar_core with the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import Parameter, signature
from pathlib import Path

import attrs
import click
import pytest

import codaar_core
from codaar_core.cli.commands import VERBS, load_verb


@attrs.frozen
class Twin:
    """The Python functions of a verb, and each difference between the arguments with its reason."""

    functions: tuple[str, ...]
    called: Mapping[str, str] = {}  # argument of the verb -> its name in Python
    only_verb: Mapping[str, str] = {}
    only_python: Mapping[str, str] = {}


EVERY_VERB = {"traceback": "Python raises the exception itself"}
PRINTING = {"output": "Python returns the value", "form": "Python returns the problems"}
OBSERVED = {"observers": "the verb passes its progress display", "progress": "the verb passes its progress bar"}
WRITING = dict.fromkeys(("html", "csv", "latex"), "methods of the Comparison that Python returns")
TWINS = {
    "init": Twin(("copy_recipes",)),
    "run": Twin(("run",), only_verb={"directory": "short for the override run.directory"}, only_python=OBSERVED),
    "sweep": Twin(
        ("load_sweep", "run_sweep"),
        called={"recipe": "path", "arms": "only", "table": "run"},
        only_verb={"with_plot": "codaar_core.sweep.plot and codaar_core.sweep.page"},
        only_python={**OBSERVED, "sweep": "what load_sweep returns", "announce": "the verb prints what begins"},
    ),
    "validate": Twin(("validate",), only_verb=PRINTING),
    "explain": Twin(("explain",)),
    "diff": Twin(("diff",)),
    "schema": Twin(("schema",), only_verb={**PRINTING, "results": "codaar_core.engine.results.json_schema"}),
    "list": Twin(("list_components", "list_runs"), called={"what": "kind"}),
    "inspect": Twin(("inspect",)),
    "data show": Twin(("data_card", "data_of"), only_python={"recipe": "NAME of the verb may be a recipe"}),
    "data extract": Twin(("extract_features",), called={"sources": "recordings"}, only_python=OBSERVED),
    "data pack": Twin(
        ("pack_data", "pack_benchmark"), only_python={**OBSERVED, "recipe": "NAME of the verb may be a recipe"}
    ),
    "data verify": Twin(("verify_packed",), called={"file": "path"}, only_python=OBSERVED),
    "encode": Twin(("encode",), only_python=OBSERVED),
    "search": Twin(("search",), only_verb=PRINTING),
    "export": Twin(("export",)),
    "evaluate": Twin(("evaluate",), only_verb={"device": "short for the override device.on"}, only_python=OBSERVED),
    "report": Twin(("write_report",)),
    "compare": Twin(("compare",), only_verb=WRITING),
    "atlas": Twin(("atlas",), only_python=OBSERVED),
    "lock": Twin(("read_lock",), called={"run": "path"}, only_verb=PRINTING),
    "doctor": Twin(("doctor",), only_python={"built_in": "the verb passes the names of all verbs"}),
    "new-plugin": Twin(("new_plugin",)),
    "check-plugin": Twin(
        ("check_plugin",),
        called={"name": "distribution"},
        only_python={"expected_failures": "deprecated: declared on components", "seed": "for tests of a plug-in"},
    ),
    "registry verify": Twin(("verify_index",)),
    "registry sync": Twin(("sync_index",)),
    "registry entry": Twin(("index_entry",)),
}
ONLY_PYTHON = {
    "adopt_model": "takes weights in memory",
    "load": "returns the plan, which `validate` and `run` use",
    "open_model": "returns a model in memory",
}


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Every verb that does something, with the verbs of groups."""
    for name in VERBS:
        command = load_verb(name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", each) for inner, each in command.commands.items())
        else:
            yield name, command


def parameters(twin: Twin) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for function in twin.functions:
        found = {**signature(getattr(codaar_core, function)).parameters, **found}
    return found


@pytest.mark.parametrize(("name", "command"), list(verbs()), ids=lambda each: each if isinstance(each, str) else "")
def test_a_verb_and_its_python_twin_have_the_same_arguments(name, command):
    twin = TWINS[name]
    left_out = {**EVERY_VERB, **twin.only_verb}
    of_verb = {twin.called.get(each.name, each.name): each for each in command.params if each.name not in left_out}
    of_python = {name: each for name, each in parameters(twin).items() if name not in twin.only_python}
    assert set(of_verb) == set(of_python)
    if len(twin.functions) == 1:
        required = {name for name, each in of_python.items() if each.default is Parameter.empty}
        assert {name for name, each in of_verb.items() if each.required} == required
    assert set(twin.called) <= {each.name for each in command.params}, "no longer an argument of the verb"


def test_the_table_of_twins_is_complete():
    assert list(TWINS) == [name for name, _ in verbs()]
    covered = {function for twin in TWINS.values() for function in twin.functions}
    assert covered.isdisjoint(ONLY_PYTHON)
    assert sorted(covered | set(ONLY_PYTHON)) == codaar_core.__all__


def test_functions_do_what_the_verbs_do(here, engine):
    assert codaar_core.validate("small.toml") == []
    assert codaar_core.load("small.toml").run.name == "small"
    assert codaar_core.explain("small.toml")[0].path == "codaar"
    assert codaar_core.list_components("loss")[0].use == "toy-loss"
    assert codaar_core.inspect("loss:toy-loss").settings[0].name == "depth"
    assert codaar_core.run("small.toml", ["run.epochs=1"], resume="auto") == Path("finished")
    assert engine["plan"].run.epochs == 1 and engine["resume"] == "auto"
    assert codaar_core.write_report(Path("finished")) == Path("finished/report.html")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        codaar_core.nothing_like_it  # noqa: B018
