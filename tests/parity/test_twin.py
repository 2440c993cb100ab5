"""The assembled recipes/as-published against a flat twin of the released script, without the reference folder."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
import twin
from assembled import assemble, close, train
from small import SIZES, SPACES, overrides

codebooks = pytest.importorskip("codaar_plugin_vqvae.codebooks")
conversion = pytest.importorskip("codaar_plugin_released.conversion")
layout = pytest.importorskip("codaar_plugin_released.layout")
Cpc = pytest.importorskip("codaar_plugin_cpc.cpc").Cpc

TIMES = [2, 8, 1, 4]


def initial_weights(modalities: tuple[str, ...], generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Random weights; two rows of the codebook are about to be reset."""
    weights = {}
    for row in layout.layout(modalities):
        shape = layout.shape_of(row, SIZES)
        value = torch.randn(shape, generator=generator, dtype=torch.float64)
        if len(shape) > 1:
            value = value / torch.tensor(shape[1:]).prod().sqrt()
        elif "norm" in row.released or row.released.endswith("running_var"):
            value = 1 + 0.1 * value.abs()
        else:
            value = 0.1 * value
        weights[row.released] = value
    quantizer = "Encoder/Cross_quantizer."
    weights[quantizer + "ema_weight"] = weights[quantizer + "embedding"].clone()
    for name in ("ema_count", *(f"ema_count_{modality[0]}" for modality in modalities)):
        weights[quantizer + name] = torch.zeros(SIZES["codes"], dtype=torch.float64)
    idle = torch.full((SIZES["codes"],), -1.0, dtype=torch.float64)
    idle[:12] = 298.0
    weights[quantizer + "unactivated_count"] = idle
    for name in weights:
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros((), dtype=torch.long)
    return weights


def test_the_twin_shares_nothing_with_the_framework():
    tree = ast.parse(Path(twin.__file__).read_text("utf-8"))
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= {"__future__", "collections", "math", "torch", "typing"}


@pytest.mark.parametrize("recipe", ["av", "avt"])
def test_four_steps(recipe, tmp_path, monkeypatch):
    modalities = layout.COLUMNS[: len(recipe)]
    spaces = {m: SPACES[m] for m in modalities}
    generator = torch.Generator().manual_seed(7)
    weights = initial_weights(modalities, generator)
    batches = [
        {
            m: torch.randn(clips, 10, *space.shape, generator=generator, dtype=torch.float64)
            for m, space in spaces.items()
        }
        for clips in (6, 6, 6, 1)
    ]
    expected = twin.train(weights, batches, TIMES)

    plan, model = assemble(f"as-published/{recipe}.toml", spaces, overrides(modalities))
    model.load_state_dict(conversion.to_ours(weights, modalities))
    times = iter(TIMES)
    monkeypatch.setattr(Cpc, "_draw_time", lambda *_: torch.tensor([next(times)]))
    monkeypatch.setattr(
        codebooks, "draw_donors", lambda active, _: twin.donors(active.nonzero().flatten(), len(active))
    )
    monkeypatch.setattr(codebooks, "draw_noise", lambda like, _: twin.noise(len(like), like[0].numel()).view_as(like))
    steps = train(plan, model, batches, tmp_path, monkeypatch)

    assert all(norm > twin.CLIP for norm in expected[1].norms.values() if norm)  # each module was clipped on the way
    idle = [step.state["Encoder/Cross_quantizer.unactivated_count"] for step in expected]
    assert (idle[2] < idle[1])[:12].any() and (idle[1] > 200).any()  # rows were reset on the way
    for number, (theirs, terms, norms, state) in enumerate(
        zip(expected, steps.terms, steps.norms, steps.states, strict=True)
    ):
        assert theirs.terms.keys() == {name for name in terms if name.partition(".")[0] in plan.losses}
        for name, value in theirs.terms.items():
            assert terms[name] == pytest.approx(value, rel=1e-8, abs=1e-14), (number, name)
        groups = ["Encoder", *(["Text_ar_lstm"] if "text" in modalities else []), "Decoder", "CPC"]
        for name, value in zip(groups, norms, strict=True):
            assert value == pytest.approx(theirs.norms[name], rel=1e-8, abs=1e-14), (number, name)
        for name, value in conversion.to_ours(theirs.state, modalities).items():
            close(state[name], value, 1e-8, f"step {number}: {name}")
