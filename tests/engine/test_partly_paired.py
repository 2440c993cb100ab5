"""Clips that lack a whole modality: every method trains on them, and the values of what they lack have no effect."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from codaar_core.api import Features, StepView
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import generator_of
from codaar_core.engine.training.codebook_update import update_codebooks
from codaar_core.recipe import load
from codaar_core.recipe.plan import Plan

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
METHODS = [
    RECIPES / "avt.toml",
    *sorted(path for path in (RECIPES / "baselines").glob("*.toml") if path.stem != "sweep"),
]
CLIPS, STEPS = 6, 10
LACKING = {"text": (0, 1, 2), "audio": (2, 3), "video": (2, 5)}  # clip 2 lacks all, clip 4 nothing


def inputs(plan: Plan, junk: float) -> dict[str, Features]:
    """Random features; what clips lack has the value ``junk``."""
    batch = build_data(plan).synthetic(CLIPS, 0)[range(CLIPS)]
    found = {}
    for modality, features in batch.inputs.items():
        mask = torch.ones(CLIPS, STEPS, dtype=torch.bool)
        mask[list(LACKING[modality])] = False
        values = features.values.clone()
        values[list(LACKING[modality])] = junk
        found[modality] = Features(values, mask)
    return found


def step(plan: Plan, model: Model, features: dict[str, Features]) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """The terms of one training step, and all gradients and the state after it."""
    torch.manual_seed(0)
    generator = generator_of(plan.run.seed, "shared", 0)
    encoded = model.encode(features)
    quantized = model.quantizer.quantize(encoded)
    decoded = model.decode(encoded, quantized)
    view = StepView(features, encoded, quantized, decoded, 0, 0, generator)
    model.inner_steps(view)
    terms = model.terms(view)
    torch.stack(list(terms.values())).sum().backward()
    update_codebooks(model.quantizer, model.align, encoded, quantized, generator, view.ranks)
    gradients = {f"gradient of {name}": each.grad for name, each in model.named_parameters() if each.grad is not None}
    return {name: each.item() for name, each in terms.items()}, {**gradients, **model.state_dict()}


@pytest.mark.parametrize("recipe", METHODS, ids=lambda path: path.stem)
def test_every_method_trains_on_clips_that_lack_modalities(recipe: Path) -> None:
    plan = load(recipe)
    results = []
    for junk in (0.0, 50.0):
        model = build_model(plan, dict(build_data(plan).spaces)).train()
        results.append(step(plan, model, inputs(plan, junk)))
    (terms, tensors), (other_terms, other_tensors) = results
    assert other_terms == pytest.approx(terms, rel=1e-4, abs=1e-6)
    for name, tensor in tensors.items():
        assert bool(tensor.isfinite().all()), name
        torch.testing.assert_close(other_tensors[name], tensor, rtol=1e-3, atol=1e-5, msg=name)
    assert any(name.startswith("gradient of encoders.text") for name in tensors)
