"""Both modes run through the same loop, and each difference between them changes what is computed."""

from __future__ import annotations

import math

import pytest
import tomli
import torch
from assembled import RECIPES, Steps, assemble, train
from small import SPACES, overrides

from codaar_core.api import Features

TABLE = RECIPES.parent / "docs" / "fidelity.toml"
WITHOUT_EFFECT_HERE = {
    "device.dtype": "these tests compute in double precision",
    "model.modalities": "the order of columns changes no loss",
    "optimizer.milestones": "6 epochs reach none",
}


def settings_that_differ() -> dict[str, tuple]:
    rows = tomli.loads(TABLE.read_text("utf-8"))["row"]
    settings = [setting for row in rows if row.get("recipe", "avt") == "avt" for setting in row.get("settings", [])]
    return {path: (one, other) for path, one, other in settings if one != other and not path.startswith("bench.")}


DIFFERENT = sorted(settings_that_differ().keys() - WITHOUT_EFFECT_HERE.keys())


def some_steps(recipe: str, folder, monkeypatch, *changes: str) -> Steps:
    """Four steps from the recipe's own weights, with wide codewords, padded words, and rows that are soon dead."""
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


@pytest.mark.parametrize("mode", ["as-published", "paper"])
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
    assert any(changed)
