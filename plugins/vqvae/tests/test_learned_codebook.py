"""A codebook of parameters: product codes against a slow twin, and what moves it."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae.codebook_loss import CodebookLoss
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.learned_codebook import LearnedCodebook
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from codaar_core.api import ComponentError, Encoded, LossContext, QuantizerContext, StepView

laws = settings(deadline=None, max_examples=25)
MODALITIES = ("a", "b")
CODES, DIM = 3, 6


def learned(seed: int = 0, **config: object) -> LearnedCodebook:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        settings = LearnedCodebook.Config(**{"codes": CODES, "dim": DIM, **config})
        quantizer = LearnedCodebook(settings, QuantizerContext(MODALITIES)).double()
        quantizer.wants_distances = True
        return quantizer


def latents(seed: int) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 4, 5, DIM, generator=generator, dtype=torch.float64)
    return {m: Encoded(each.requires_grad_()) for m, each in zip(MODALITIES, values, strict=True)}


@laws
@given(st.integers(0, 2**16), st.sampled_from([1, 2, 3]), st.sampled_from(["euclidean", "cosine"]))
def test_each_piece_takes_its_nearest_entry(seed: int, parts: int, metric: str) -> None:
    quantizer, encoded = learned(seed, parts=parts, metric=metric), latents(seed)
    assert quantizer.size == CODES**parts
    for modality, codes in quantizer.quantize(encoded).items():
        for place in ((b, t) for b in range(4) for t in range(5)):
            index, pieces = 0, []
            for piece, entries in zip(encoded[modality].semantic[place].chunk(parts), quantizer.entries, strict=True):
                closeness = [
                    float(F.cosine_similarity(piece, entry, dim=0) if metric == "cosine" else -(piece - entry).norm())
                    for entry in entries.detach()
                ]
                nearest = closeness.index(max(closeness))
                index, pieces = index * CODES + nearest, [*pieces, entries[nearest]]
            assert int(codes.indices[place]) == index
            torch.testing.assert_close(codes.own[place], torch.cat(pieces))
            torch.testing.assert_close(quantizer.codebooks()[modality][index], torch.cat(pieces))


def test_the_loss_moves_codewords_by_its_closed_form_and_latents_not_at_all() -> None:
    quantizer, encoded = learned(), latents(1)
    context = LossContext(MODALITIES, quantizer.latent, quantizer.code_space, {}, {}, quantizer)
    codes = quantizer.quantize(encoded)
    view = StepView({}, encoded, codes, {}, 0, 0, torch.Generator())
    terms = CodebookLoss(CodebookLoss.Config(), context)(view)
    for modality, term in terms.items():
        assert float(term.detach()) == pytest.approx(
            float(F.mse_loss(codes[modality].own, encoded[modality].semantic).detach())
        )
    sum(terms.values()).backward()
    expected = torch.zeros_like(quantizer.entries[0])
    for modality, item in codes.items():
        for b in range(4):
            for t in range(5):
                k = int(item.indices[b, t])
                difference = quantizer.entries[0, k] - encoded[modality].semantic[b, t]
                expected[k] += 2 * difference.detach() / (4 * 5 * DIM)
    torch.testing.assert_close(quantizer.entries.grad[0], expected)
    assert all(item.semantic.grad is None for item in encoded.values())


def test_reconstruction_moves_latents_and_not_codewords() -> None:
    quantizer, encoded = learned(parts=2), latents(1)
    quantizer.quantize(encoded)["a"].full.square().sum().backward()
    assert encoded["a"].semantic.grad.any() and quantizer.entries.grad is None


def test_distances_are_given_for_one_part_only() -> None:
    assert learned(parts=2).quantize(latents(1))["a"].distances is None
    distances = learned().quantize(latents(1))["a"].distances
    sum_of = distances.sum()
    assert sum_of.requires_grad and distances.shape == (4, 5, CODES)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ComponentError, match="4 parts do not divide the width 6"):
        learned(parts=4)
    averaging = Codebooks(Codebooks.Config(codes=4, dim=DIM), QuantizerContext(MODALITIES))
    context = LossContext(MODALITIES, averaging.latent, averaging.code_space, {}, {}, averaging)
    with pytest.raises(ComponentError, match="not parameters") as caught:
        CodebookLoss(CodebookLoss.Config(), context)
    assert "learned-codebook" in caught.value.help
