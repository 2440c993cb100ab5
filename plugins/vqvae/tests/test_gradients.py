"""The rotation trick: codes keep their values, gradients are rotated and rescaled."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.gradients import rotate
from codaar_plugin_vqvae.learned_codebook import LearnedCodebook
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import Encoded, QuantizerContext

laws = settings(deadline=None, max_examples=15)
MODALITIES = ("a", "b")
DIM = 4
seeds = st.integers(0, 2**16)


def encode(seed: int, masked: bool = False) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)

    def one() -> Encoded:
        latents = torch.randn(2, 3, DIM, generator=generator, dtype=torch.float64).requires_grad_()
        return Encoded(latents, mask=torch.rand(2, 3, generator=generator) < 0.7 if masked else None)

    return {modality: one() for modality in MODALITIES}


def codebooks(seed: int, **config: object) -> Codebooks:
    quantizer = Codebooks(Codebooks.Config(codes=5, dim=DIM, **config), QuantizerContext(MODALITIES)).double()
    quantizer.codewords.normal_(generator=torch.Generator().manual_seed(seed))
    return quantizer


def matrix(latent: Tensor, code: Tensor) -> Tensor:
    """The rotation from the direction of the latent to that of the code, times the quotient of lengths: (D, D)."""
    before, after = latent / latent.norm(), code / code.norm()
    between = (before + after) / (before + after).norm()
    rotation = torch.eye(DIM).double() - 2 * torch.outer(between, between) + 2 * torch.outer(after, before)
    return code.norm() / latent.norm() * rotation


@laws
@given(seeds)
def test_the_matrix_is_a_rotation_that_turns_the_latent_into_the_code(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    latent, code = torch.randn(2, DIM, generator=generator, dtype=torch.float64)
    turned = matrix(latent, code)
    torch.testing.assert_close(turned @ latent, code)
    torch.testing.assert_close(rotate(latent, code), code)
    rotation = turned * latent.norm() / code.norm()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(DIM).double())
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones((), dtype=torch.float64))


@laws
@given(seeds, st.sampled_from(["each", "shared"]), st.booleans())
def test_gradients_are_those_of_the_matrices(seed: int, books: str, masked: bool) -> None:
    encoded = encode(seed, masked)
    quantizer, straight = codebooks(seed, books=books, gradient="rotation"), codebooks(seed, books=books)
    for modality, codes in quantizer.quantize(encoded).items():
        expected = straight.quantize(encoded)[modality]
        assert torch.equal(codes.own, expected.own) and torch.equal(codes.full, expected.full)
        sources = {modality: codes.own} if books == "shared" else {m: codes.full for m in MODALITIES}
        for position, (source, code) in enumerate(sources.items()):
            weights = torch.randn(2, 3, DIM, generator=torch.Generator().manual_seed(seed)).double()
            part = code.unflatten(-1, (-1, DIM))[:, :, position]
            latents, mask = encoded[source].semantic, encoded[source].mask
            (found,) = torch.autograd.grad((part * weights).sum(), latents, retain_graph=True)
            for b in range(2):
                for t in range(3):
                    real = mask is None or bool(mask[b, t])
                    turned = matrix(latents[b, t].detach(), part[b, t].detach()).T @ weights[b, t]
                    torch.testing.assert_close(found[b, t], turned if real else torch.zeros_like(turned))


def test_masked_nan_spoils_no_gradient() -> None:
    latents = torch.randn(1, 2, DIM, dtype=torch.float64)
    latents[0, 1] = torch.nan
    encoded = {"a": Encoded(latents.requires_grad_(), mask=torch.tensor([[True, False]]))}
    codebooks(0, gradient="rotation").quantize(encoded)["a"].own.sum().backward()
    assert latents.grad is not None and bool(latents.grad.isfinite().all()) and not latents.grad[0, 1].any()


@pytest.mark.parametrize(
    "latent", [[0.0, 0, 0, 0], [-1.0, 0, 0, 0], [-1.0, 1e-9, 0, 0]], ids=["zero", "opposite", "nearly"]
)
def test_latents_without_a_direction_and_opposite_ones_have_finite_gradients(latent: list[float]) -> None:
    z = torch.tensor(latent, dtype=torch.float64, requires_grad=True)
    rotate(z, torch.tensor([2.0, 0, 0, 0], dtype=torch.float64)).sum().backward()
    assert bool(z.grad.isfinite().all()) and float(z.grad.norm()) <= 4 * 2
    if not any(latent):
        assert torch.equal(z.grad, torch.ones_like(z))


def test_a_learned_codebook_rotates_too() -> None:
    config = LearnedCodebook.Config(codes=5, dim=DIM, gradient="rotation")
    quantizer, encoded = LearnedCodebook(config, QuantizerContext(MODALITIES)).double(), encode(1)
    own, latents = quantizer.quantize(encoded)["a"].own, encoded["a"].semantic
    (found,) = torch.autograd.grad(own[0, 0].sum(), latents)
    expected = matrix(latents[0, 0].detach(), own[0, 0].detach()).T @ torch.ones(DIM).double()
    torch.testing.assert_close(found[0, 0], expected)
