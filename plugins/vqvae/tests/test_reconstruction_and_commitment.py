"""Both losses against their definitions in plain loops."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.commitment import Commitment
from codaar_plugin_vqvae.reconstruction import Reconstruction
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, Features, LossContext, QuantizerContext, Space, StepView

laws = settings(deadline=None, max_examples=25)
MODALITIES = ("a", "b", "c")
DIM = 3
seeds = st.integers(0, 2**16)


def view(
    encoded: dict[str, Encoded],
    quantizer: Codebooks | None = None,
    inputs: dict[str, Tensor] | None = None,
    decoded: dict[str, Tensor] | None = None,
) -> StepView:
    features = {modality: Features(values) for modality, values in (inputs or {}).items()}
    quantized = quantizer.quantize(encoded) if quantizer else {}
    return StepView(features, encoded, quantized, decoded or {}, 0, 0, torch.Generator())


def random_mask(generator: torch.Generator, masked: bool, steps: int = 4) -> Tensor | None:
    return torch.rand(2, steps, generator=generator) < 0.6 if masked else None


def slow_error(first: Tensor, second: Tensor, real: list[tuple[int, int]]) -> float:
    """Mean squared error over the elements of the real (clip, step) pairs."""
    squares = [
        float((x - y) ** 2) for b, t in real for x, y in zip(first[b, t].flatten(), second[b, t].flatten(), strict=True)
    ]
    return sum(squares) / max(len(squares), 1)


def real_steps(steps: int, *masks: Tensor | None) -> list[tuple[int, int]]:
    return [(b, t) for b in range(2) for t in range(steps) if all(mask is None or mask[b, t] for mask in masks)]


@laws
@given(seeds, st.booleans())
def test_reconstruction_equals_the_loops(seed: int, masked: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    values, output = (torch.randn(2, 4, 2, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = random_mask(generator, masked)
    terms = Reconstruction(Reconstruction.Config(), None)(
        view({"a": Encoded(values, mask=mask)}, inputs={"a": values}, decoded={"a": output})
    )
    assert list(terms) == ["a"]
    assert float(terms["a"]) == pytest.approx(slow_error(output, values, real_steps(4, mask)))


def test_reconstruction_of_the_encoders_own_target_trains_the_encoder() -> None:
    target = torch.randn(2, 4, 3, requires_grad=True)
    output = torch.randn(2, 4, 3)
    encoded = {"a": Encoded(torch.zeros(2, 4, 3), target=target)}
    step = view(encoded, inputs={"a": torch.zeros(2, 4, 9)}, decoded={"a": output})
    Reconstruction(Reconstruction.Config(), None)(step)["a"].backward()
    torch.testing.assert_close(target.grad, 2 * (target.detach() - output) / output.numel())


def test_nonsense_at_masked_steps_reaches_neither_value_nor_gradient() -> None:
    output = torch.randn(2, 4, 3, requires_grad=True)
    values = torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    nonsense = values.masked_fill(~mask[..., None], torch.nan)
    step = view({"a": Encoded(values, mask=mask)}, inputs={"a": nonsense}, decoded={"a": output})
    loss = Reconstruction(Reconstruction.Config(), None)(step)["a"]
    loss.backward()
    assert loss.isfinite()
    assert not output.grad[~mask].any()
    assert output.grad[mask].all()


def quantizer_and_latents(seed: int, which: str, masked: bool, longer: int) -> tuple[Codebooks, dict[str, Encoded]]:
    generator = torch.Generator().manual_seed(seed)
    quantizer = Codebooks(Codebooks.Config(codes=5, dim=DIM, books=which), QuantizerContext(MODALITIES)).double()
    quantizer.codewords.normal_(generator=generator)
    encoded = {}
    for modality in MODALITIES:
        steps = 4 + longer * (modality == "b")
        latents = torch.randn(2, steps, DIM, generator=generator, dtype=torch.float64)
        encoded[modality] = Encoded(latents.requires_grad_(), mask=random_mask(generator, masked, steps))
    return quantizer, encoded


def commitment(quantizer: Codebooks, **config: object) -> Commitment:
    return Commitment(Commitment.Config(**config), LossContext(MODALITIES, quantizer.latent, quantizer.code_space))


@laws
@given(
    seeds,
    st.booleans(),
    st.integers(0, 2),
    st.sampled_from(["each", "shared"]),
    st.sampled_from(["own-index", "same-index"]),
    st.sampled_from([0.0, 0.125]),
)
def test_commitment_equals_the_loops(
    seed: int, masked: bool, longer: int, which: str, cross_at: str, cross: float
) -> None:
    quantizer, encoded = quantizer_and_latents(seed, which, masked, longer)
    step = view(encoded, quantizer)
    terms = commitment(quantizer, cross=cross, cross_at=cross_at)(step)
    books = quantizer.codebooks()
    for m in MODALITIES:
        z, indices = encoded[m].semantic.detach(), step.quantized[m].indices
        expected = 0.5 * slow_error(z, books[m][indices], real_steps(z.shape[1], encoded[m].mask))
        for n in MODALITIES:
            if n != m and cross_at == "same-index":
                expected += cross * slow_error(z, books[n][indices], real_steps(z.shape[1], encoded[m].mask))
            elif n != m:
                codewords = books[n][step.quantized[n].indices]
                real = real_steps(min(z.shape[1], codewords.shape[1]), encoded[m].mask, encoded[n].mask)
                expected += cross * slow_error(z, codewords, real)
        assert float(terms[m].detach()) == pytest.approx(expected)


def test_commitment_moves_only_the_latents_of_its_modality() -> None:
    quantizer, encoded = quantizer_and_latents(0, "each", False, 0)
    for cross_at in ("own-index", "same-index"):
        terms = commitment(quantizer, cross_at=cross_at)(view(encoded, quantizer))
        latents = [encoded[modality].semantic for modality in MODALITIES]
        gradients = torch.autograd.grad(terms["b"], latents)
        assert [bool(gradient.any()) for gradient in gradients] == [False, True, False]


def test_one_modality_alone_is_committed_to_its_own_codewords() -> None:
    quantizer, encoded = quantizer_and_latents(0, "each", False, 0)
    alone = {"a": encoded["a"]}
    step = view(alone, quantizer)
    own = torch.nn.functional.mse_loss(encoded["a"].semantic, step.quantized["a"].own.detach())
    torch.testing.assert_close(commitment(quantizer)(step)["a"], 0.5 * own)


def test_same_index_needs_whole_rows() -> None:
    context = LossContext(MODALITIES, Space((DIM,)), Space((2 * DIM,)))
    with pytest.raises(ComponentError, match="same-index needs codes of 3 codebooks"):
        Commitment(Commitment.Config(cross_at="same-index"), context)
