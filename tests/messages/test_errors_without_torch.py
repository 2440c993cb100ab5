"""Errors in recipes are found without importing torch; the outlines of components that replace them are correct."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from codaar_core.registry import KINDS, Entry, Registry
from codaar_core.registry.source.settings_outline import outline

ROOT = Path(__file__).resolve().parents[2]
EXTENDED = f'extends = ["{(ROOT / "recipes" / "avt.toml").as_posix()}"]\n'
MISTAKES = {
    "unknown setting of core": ("[run]\nepoch = 3", "unknown-setting"),
    "unknown setting of a component": ("[quantizer]\ncodez = 3", "unknown-setting"),
    "setting of an inherited Config": ("[encoders.text]\ndropuot = 0.5\n", "unknown-setting"),
    "setting of a Config in codaar_core.features": (
        '[evaluate]\non = ["ave"]\n[bench.ave]\nuse = "ave-classification"\nbad_clip = "skip"',
        "unknown-setting",
    ),
    "wrong type": ('[quantizer]\ncodes = "800"', "wrong-value"),
    "wrong choice": ('[losses.cmcm]\nshift = "minimal"', "wrong-value"),
    "refused value": ("[encoders.text]\ndropout = 1.5", "refused-value"),
    "refused by a check that counts": ("[data]\nretrieval = 1000000", "refused-value"),
    "unknown name": ('[quantizer]\nuse = "codeboks"', "unknown-name"),
    "unknown table": ("[quantiser]\ncodes = 3", "unknown-table"),
    "missing block": ('[model]\nlosses = ["cmcn"]', "unknown-name"),
    "missing encoder": ('[model]\nmodalities = ["audio", "video", "smell"]', "missing-encoder"),
    "missing reference": ('[run]\nname = "${run.nmae}"', "reference"),
    "missing environment": ('[run]\nname = "${env:NOT_SET_ANYWHERE}"', "environment"),
    "wrong settings of a head": ("[bench.classification.head]\npool = 3", "wrong-value"),
    "not TOML": ("[run", "not-toml"),
    "format": ("codaar = 2", "recipe-format"),
}
SCRIPT = """
import json, sys
from codaar_core import validate
found = {name: [each.code for each in validate(path) if each.level == "error"] for name, path in json.load(sys.stdin)}
print(json.dumps({"codes": found, "heavy": sorted({"torch", "numpy"} & set(sys.modules))}))
"""


def in_a_process(recipes: dict[str, Path], *paths: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([[name, str(path)] for name, path in recipes.items()]),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, [*paths, *sys.path])))},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def test_errors_in_a_recipe_are_found_without_torch(tmp_path):
    recipes = {}
    for number, (name, (mistake, _)) in enumerate(MISTAKES.items()):
        recipes[name] = tmp_path / f"{number}.toml"
        head = EXTENDED if mistake.startswith("codaar") else "codaar = 1\n" + EXTENDED
        recipes[name].write_text(head + mistake + "\n")
    found = in_a_process(recipes)
    assert {name: set(codes) for name, codes in found["codes"].items()} == {
        name: {code} for name, (_, code) in MISTAKES.items()
    }
    assert found["heavy"] == []


def test_name_clashes_and_incompatible_packages_are_found_without_torch(site, tmp_path):
    site.add("codaar-plugin-one", {"quantizer": {"twice": "codaar_plugin_one:Q"}})
    site.add("codaar-plugin-two", {"quantizer": {"twice": "codaar_plugin_two:Q"}})
    site.add("codaar-plugin-old", {"quantizer": {"old": "codaar_plugin_old:Q"}}, requires=["codaar-core<0.0.1"])
    recipes = {}
    for name in ("twice", "old"):
        recipes[name] = tmp_path / f"{name}.toml"
        recipes[name].write_text(f'codaar = 1\n{EXTENDED}[quantizer]\nuse = "{name}"\n')
    found = in_a_process(recipes, site.folder)
    assert found == {"codes": {"twice": ["name-clash"], "old": ["incompatible-plugin"]}, "heavy": []}


def entries() -> list[Entry]:
    registry = Registry()
    return [entry for kind in KINDS for entry in registry.entries(kind)]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: f"{entry.kind}:{entry.name}")
def test_outlines_have_the_settings_of_the_components(entry):
    told, real = outline(entry), Registry().load(entry)
    assert told is not None
    assert fields(told.Config) == fields(real.Config)
    assert told.head == getattr(real, "head", "")
    assert told.__name__ == real.__name__


def fields(config: type) -> list[tuple]:
    found = attrs.fields(attrs.resolve_types(config))
    return [(each.name, each.default, str(each.type), each.metadata, each.validator is None) for each in found]


# What an outline cannot tell is None, so that the component is imported

START = """
from __future__ import annotations
import attrs
import numpy
import torch
from attrs.validators import in_
from codaar_core.api import Loss, setting

CHOICES = ["one", "two"]
{before}

class Toy(Loss):
    @attrs.frozen(kw_only=True)
    class Config:
        choice: {type} = setting("one", "a choice", {check})
        {method}
{after}
"""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"check": "in_(tuple(CHOICES))"}, True),
        ({"before": "def check(i, a, value): assert value in CHOICES", "check": "check"}, True),
        ({"method": "def layer(self) -> torch.nn.Module: return torch.nn.Linear(1, 1)"}, True),
        ({"before": "CHOICES.append('three')", "check": "in_(CHOICES)"}, False),
        ({"before": "CHOICES += ['three']", "check": "in_(CHOICES)"}, False),
        ({"before": "CHOICES = ['three']", "check": "in_(CHOICES)"}, False),
        ({"before": "if numpy: CHOICES = ['three']", "check": "in_(CHOICES)"}, False),
        ({"before": "for CHOICES[0] in 'abc': pass", "check": "in_(CHOICES)"}, False),
        ({"check": "in_(numpy.arange(3))"}, False),
        ({"check": "in_(dir(torch))"}, False),
        ({"type": "torch.dtype"}, False),
        ({"method": "def __attrs_post_init__(self): torch.zeros(3)"}, False),
        ({"after": "    Config = attrs.make_class('Config', [])"}, False),
        ({"after": "Toy.Config = attrs.make_class('Config', [])"}, False),
    ],
)
def test_an_outline_is_given_only_if_it_is_certain(site, changes, told):
    parts = {"before": "", "type": "str", "check": "None", "method": "", "after": "", **changes}
    site.add("codaar-plugin-odd", {"loss": {"odd": "codaar_plugin_odd:Toy"}})
    (site.folder / "codaar_plugin_odd.py").write_text(START.format(**parts))
    found = outline(Registry().find("loss", "odd"))
    assert (found is not None) is told


CONFIG_OF_A_LOGGER = """
    @attrs.frozen(kw_only=True)
    class Config(RunLogger.Config):
        folder: str = setting("", "a folder")
"""


@pytest.mark.parametrize(("body", "told"), [("    pass", None), (CONFIG_OF_A_LOGGER, ["every", "folder"])])
def test_the_settings_of_a_logger_include_those_of_every_logger(site, body, told):
    site.add("codaar-plugin-odd", {"hook": {"odd": "codaar_plugin_odd:Odd"}})
    source = f"import attrs\nfrom codaar_core.api import RunLogger, setting\n\nclass Odd(RunLogger):\n{body}\n"
    (site.folder / "codaar_plugin_odd.py").write_text(source)
    found = outline(Registry().find("hook", "odd"))
    assert (found and [each.name for each in attrs.fields(found.Config)]) == told
