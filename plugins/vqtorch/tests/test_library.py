"""The adapters give what vector-quantize-pytorch gives."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_vqtorch.code_entropy import CodeEntropy
from codaar_plugin_vqtorch.fsq import Fsq
from codaar_plugin_vqtorch.lfq import Lfq
from codaar_plugin_vqtorch.simvq import SimVq

from codaar_core.api import Encoded, LossContext, QuantizerContext, Space, StepView


def latents(steps: int = 6, width: int = 8, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(steps)
    return scale * torch.randn(3, steps, width, generator=generator, dtype=torch.float64).requires_grad_()


def built(kind, **settings):
    torch.manual_seed(0)
    return kind(kind.Config(**settings), QuantizerContext(("a", "b"))).double()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Fsq, {"levels": (4, 3, 5), "dim": 8}),
        (Lfq, {"dim": 8}),
        (SimVq, {"codes": 12, "dim": 8}),
        (SimVq, {"codes": 12, "dim": 8, "gradient": "rotation"}),
    ],
)
def test_codes_indices_and_gradients_are_those_of_the_library(kind, settings) -> None:
    quantizer, z = built(kind, **settings), latents()
    quantizer.module.rotation_trick = settings.get("gradient") == "rotation"
    codes = quantizer.quantize({"a": Encoded(z)})["a"]
    expected, indices, *_ = quantizer.module(z)
    assert torch.equal(codes.indices, indices.long())
    torch.testing.assert_close(codes.own, expected)
    weights = torch.randn(expected.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad((each * weights).sum(), z)[0] for each in (codes.own, expected)]
    torch.testing.assert_close(*gradients)


def view(quantizer: Lfq, z: torch.Tensor, mask: torch.Tensor | None = None) -> StepView:
    quantizer.wants_distances = True
    encoded = {"a": Encoded(z, mask=mask)}
    return StepView({}, encoded, quantizer.quantize(encoded), {}, 0, 0, torch.Generator())


def loss(**settings) -> CodeEntropy:
    return CodeEntropy(CodeEntropy.Config(**settings), LossContext(("a",), Space((8,)), Space((8,))))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("diversity", [1.0, 0.3])
def test_the_entropy_is_that_of_the_library(masked: bool, diversity: float) -> None:
    quantizer, z = built(Lfq, dim=8), latents(scale=0.05)
    quantizer.module.diversity_gamma = diversity
    mask = torch.arange(6).expand(3, 6) < torch.tensor([[2], [6], [5]]) if masked else None
    real = z if mask is None else z[mask].unsqueeze(0)  # with a mask, the library has no entropy of the batch
    _, _, expected = quantizer.module(real, inv_temperature=7.0)
    found = loss(inverse_temperature=7.0, diversity=diversity)(view(quantizer, z, mask))["a"]
    torch.testing.assert_close(found, expected / quantizer.module.entropy_loss_weight)
    torch.testing.assert_close(*(torch.autograd.grad(each, z)[0] for each in (found, expected / 0.1)))


def test_all_codewords_are_used_best_when_latents_are_certain_and_different() -> None:
    quantizer = built(Lfq, dim=2)
    different = quantizer.codewords(torch.arange(4)).view(1, 4, 2).double()
    alike = different[:, :1].expand(1, 4, 2)
    scores = [float(loss()(view(quantizer, z))["a"]) for z in (different, alike)]
    assert scores == pytest.approx([-math.log(4), 0.0], abs=1e-3)


def test_a_masked_step_with_nan_has_an_index_and_disturbs_nothing() -> None:
    mask = torch.arange(6).expand(3, 6) < 4
    for kind, settings in ((Fsq, {"levels": (4, 3), "dim": 8}), (Lfq, {"dim": 8}), (SimVq, {"codes": 5, "dim": 8})):
        quantizer, z = built(kind, **settings), latents().detach()
        given = z.masked_fill(~mask[..., None], torch.nan)
        codes, clean = (quantizer.quantize({"a": Encoded(each, mask=mask)})["a"] for each in (given, z))
        assert torch.equal(codes.own[mask], clean.own[mask]) and bool(codes.own.isfinite().all())
        quantizer.lookup("a", codes.indices)
