"""Both modes are settings of the same components in the same training loop; each difference changes results."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli
import torch
from assembled import RECIPES, Steps, assemble, train
from small import SPACES, overrides

import codaar_core
from codaar_core.api import Features

CODEWORDS = "quantizer.codewords"
MODES = ("as-published", "paper")
CORE = Path(codaar_core.__file__).parent
TABLE = RECIPES.parent / "docs" / "fidelity.toml"
WITHOUT_EFFECT_HERE = {
    "device.dtype": "these tests compute in double precision",
    "model.modalities": "the order of columns changes no loss",
    "optimizer.milestones": "6 epochs reach none",
    "quantizer.count_first_update": "these tests set the counts: plugins/vqvae/tests/test_codebook_reset.py",
}


def settings_that_differ() -> dict[str, tuple]:
    rows = tomli.loads(TABLE.read_text("utf-8"))["row"]
    settings = [setting for row in rows if row.get("recipe", "avt") == "avt" for setting in row.get("settings", [])]
    return {path: (one, other) for path, one, other in settings if one != other and not path.startswith("bench.")}


DIFFERENT = sorted(settings_that_differ().keys() - WITHOUT_EFFECT_HERE.keys())


def some_steps(recipe: str, folder, monkeypatch, *changes: str) -> Steps:
    """Four steps from the recipe's initial weights, with large codewords, padded word pieces and an early reset."""
    plan, model = assemble(recipe, SPACES, [*overrides(tuple(SPACES)), *changes])
    generator = torch.Generator().manual_seed(3)
    model.quantizer.codewords.normal_(generator=generator)
    model.quantizer.sums.copy_(model.quantizer.codewords)
    model.quantizer.idle[:12] = 299
    mask = torch.arange(10) < torch.tensor([[10], [4], [6], [2]])
    batches = []
    for _ in range(4):
        values = {m: torch.randn(4, 10, *space.shape, generator=generator) for m, space in SPACES.items()}
        batches.append({**values, "text": Features(values["text"], mask)})
    return train(plan, model, batches, folder, monkeypatch)


@pytest.mark.parametrize("mode", MODES)
def test_both_modes_train(mode, tmp_path, monkeypatch):
    steps = some_steps(f"{mode}/avt.toml", tmp_path, monkeypatch)
    assert all(math.isfinite(value) for terms in steps.terms for value in terms.values())
    first, last = steps.states[0], steps.states[-1]
    assert all(tensor.isfinite().all() for tensor in last.values())
    unchanged = [name for name in first if torch.equal(first[name], last[name])]
    assert unchanged == []


@pytest.fixture(scope="module")
def as_published(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return some_steps("as-published/avt.toml", tmp_path_factory.mktemp("as-published"), patch)


@pytest.mark.parametrize("path", DIFFERENT)
def test_each_difference_changes_what_is_computed(path, as_published, tmp_path, monkeypatch):
    _, paper = settings_that_differ()[path]
    value = str(paper).lower() if isinstance(paper, bool) else repr(paper)
    steps = some_steps("as-published/avt.toml", tmp_path, monkeypatch, f"{path}={value}")
    changed = [
        not math.isclose(ours[term], theirs[term], rel_tol=1e-9)
        for ours, theirs in zip(steps.terms, as_published.terms, strict=True)
        for term in theirs
    ]
    for ours, theirs in zip(steps.states, as_published.states, strict=True):
        changed.append(not torch.allclose(ours[CODEWORDS], theirs[CODEWORDS], rtol=1e-9))
    assert any(changed)


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def values(recipe: str) -> dict[str, Any]:
    """Every value of a recipe by its path, including defaults."""
    return dict(flat(codaar_core.load(RECIPES / recipe).resolved))


def of_pretraining(path: str) -> bool:
    return not path.startswith(("bench.", "evaluate.", "data.", "run."))


def test_modes_differ_only_in_what_the_page_lists():
    one, other = (values(f"{mode}/avt.toml") for mode in MODES)
    different = {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}
    assert set(filter(of_pretraining, different)) == set(settings_that_differ())


def test_modes_are_made_of_the_same_components():
    one, other = (values(f"{mode}/avt.toml") for mode in MODES)
    used = {path: value for path, value in one.items() if path.endswith(".use")}
    assert used and used == {path: value for path, value in other.items() if path.endswith(".use")}


@pytest.mark.parametrize("mode", MODES)
def test_recipes_on_digits_keep_the_mathematics(mode):
    """Except for precision, the schedule, which has no effect as published, and the number of steps before a reset."""
    mode_values, on_digits = values(f"{mode}/avt.toml"), values(f"fidelity/{mode}.toml")
    listed = settings_that_differ().keys() - {"optimizer.milestones", "device.dtype", "quantizer.reset_after"}
    assert {path: on_digits[path] for path in listed} == {path: mode_values[path] for path in listed}
    assert on_digits["optimizer.milestones"] == [] and on_digits["device.dtype"] == "float32"


@pytest.mark.parametrize("package", ["engine", "nn"])
def test_the_engine_does_not_know_the_modes(package):
    """The engine passes ``evaluate.mode`` to benchmarks and records, and does not read it otherwise."""
    for file in (CORE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            assert not (isinstance(node, ast.Constant) and node.value in (*MODES, "strict")), file
            compared = ast.walk(node) if isinstance(node, (ast.Compare, ast.If, ast.IfExp, ast.Match)) else ()
            assert not any(isinstance(each, ast.Attribute) and each.attr == "mode" for each in compared), file
