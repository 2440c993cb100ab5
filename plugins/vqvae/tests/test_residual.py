"""Residual codebooks: one level is ``codebooks`` bit for bit, several agree with a slow twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.residual import ResidualCodebooks
from torch import Tensor

from codaar_core.api import Encoded, Quantized, Quantizer, QuantizerContext

MODALITIES = ("a", "b")
CODES, DIM, LEVELS = 5, 3, 3


class OneRank:
    rank, size = 0, 1

    def sum(self, value: Tensor) -> Tensor:
        return value

    gather = sum


def built(quantizer: type[Quantizer], **config: object) -> Quantizer:
    torch.manual_seed(0)
    made = quantizer(quantizer.Config(codes=CODES, dim=DIM, **config), QuantizerContext(MODALITIES))
    made.wants_distances = True
    return made


def spread(**config: object) -> ResidualCodebooks:
    """Three levels of normal codewords that their sums and counts agree with, in float64."""
    quantizer = built(ResidualCodebooks, levels=LEVELS, initial_count=1.0, counts="plain", **config).double()
    for level in quantizer.of_level:
        level.codewords.normal_()
        level.sums.copy_(level.codewords)
    return quantizer


def latents(seed: int, dtype: torch.dtype = torch.float32) -> dict[str, Encoded]:
    """Four clips of six steps; those of the second modality are masked in part."""
    generator = torch.Generator().manual_seed(seed)
    values = {m: torch.randn(4, 6, DIM, generator=generator).to(dtype).requires_grad_() for m in MODALITIES}
    mask = torch.rand(4, 6, generator=generator) < 0.7
    return {m: Encoded(values[m], mask=mask if m == "b" else None) for m in MODALITIES}


def step(quantizer: Quantizer, encoded: dict[str, Encoded], seed: int) -> dict[str, Quantized]:
    """One step of training, with an alignment that halves the differences of codewords."""
    codes = quantizer.quantize(encoded)
    with torch.no_grad():
        targets = quantizer.targets(encoded, codes)
        quantizer.update({m: 0.5 * (targets["a"] + targets["b"]) for m in targets}, codes, OneRank())
        books = quantizer.codebooks()
        mean = sum(books.values()) / len(books)
        quantizer.replace({m: 0.5 * (book + mean) for m, book in books.items()})
        quantizer.reset(codes, torch.Generator().manual_seed(seed), OneRank())
    return codes


@pytest.mark.parametrize("books", ["each", "shared", "shared-in-turn"])
def test_one_level_is_the_quantizer_codebooks_bit_for_bit(books):
    config = {"books": books, "reset_after": 2, "active_within": 2}
    one, other = built(Codebooks, **config), built(ResidualCodebooks, levels=1, **config)
    for number in range(8):
        encoded = latents(number)
        for found, expected in zip(
            step(other, encoded, number).values(), step(one, encoded, number).values(), strict=True
        ):
            for value, wanted in zip(found, expected, strict=True):
                assert value is wanted or torch.equal(value, wanted)
            for name in ("own", "full", "distances"):
                sums = [(getattr(codes, name) ** 2).sum() for codes in (found, expected)]
                inputs, kept = encoded["a"].semantic, {"allow_unused": True, "retain_graph": True}
                gradients = [torch.autograd.grad(each, inputs, **kept)[0] for each in sums]
                assert gradients[0] is gradients[1] or torch.equal(*gradients)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[f"of_level.0.{name}"])


def slow_step(state: dict, encoded: dict[str, Encoded], decay: float) -> dict[str, np.ndarray]:
    """Quantize and update by loops over clips, steps and levels: arXiv 2107.03312, Algorithm 1, with EMA codebooks."""
    indices, new = {}, {}
    for m, item in encoded.items():
        values, real = item.semantic.detach().numpy(), item.real().numpy()
        indices[m] = np.zeros((*real.shape, LEVELS), int)
        new[m] = [(np.zeros((CODES, DIM)), np.zeros(CODES)) for _ in range(LEVELS)]
        for clip, time in np.ndindex(real.shape):
            left = values[clip, time].copy()
            for level in range(LEVELS):
                words = state[m][level][0]
                nearest = min(range(CODES), key=lambda k, words=words, left=left: ((left - words[k]) ** 2).sum())
                indices[m][clip, time, level] = level * CODES + nearest
                if real[clip, time]:
                    new[m][level][0][nearest] += left
                    new[m][level][1][nearest] += 1
                left = left - words[nearest]
    for m, levels in new.items():
        for level, (sums, counts) in enumerate(levels):
            _, old_sums, old_counts = state[m][level]
            sums, counts = decay * old_sums + (1 - decay) * sums, decay * old_counts + (1 - decay) * counts
            state[m][level] = sums / (counts[:, None] + 1e-5), sums, counts
    return indices


def test_three_levels_agree_with_loops_over_steps_and_levels():
    quantizer = spread(decay=0.9, reset_after=0)
    state = {
        m: [tuple(each[:, book].numpy().copy() for each in (q.codewords, q.sums, q.counts)) for q in quantizer.of_level]
        for book, m in enumerate(MODALITIES)
    }
    for number in range(3):
        encoded = latents(number, torch.float64)
        words = {m: np.concatenate([level[0] for level in state[m]]) for m in MODALITIES}
        codes = quantizer.quantize(encoded)
        expected = slow_step(state, encoded, 0.9)
        with torch.no_grad():
            quantizer.update(quantizer.targets(encoded, codes), codes, OneRank())
        for m, found in codes.items():
            real = found.real().numpy()
            assert np.array_equal(found.indices.numpy()[real], expected[m][real])
            rows = [words[other][expected[m]].sum(2) for other in MODALITIES]
            assert np.allclose(found.own.detach().numpy(), rows[MODALITIES.index(m)])
            assert np.allclose(found.full.detach().numpy(), np.concatenate(rows, axis=-1))
            assert np.allclose(quantizer.codebooks()[m], np.concatenate([level[0] for level in state[m]]))


def test_each_level_leaves_less_than_the_one_below():
    quantizer = built(ResidualCodebooks, levels=LEVELS, initial_count=1.0, decay=0.5, reset_after=0)
    encoded = latents(0)
    for _ in range(30):
        codes = quantizer.quantize(encoded)
        targets = quantizer.targets(encoded, codes)
        quantizer.update(targets, codes, OneRank())
    errors = [*targets["a"].square().mean(dim=(0, 1, 3)), (encoded["a"].semantic - codes["a"].own).square().mean()]
    assert all(after < before for before, after in zip(errors, errors[1:], strict=False)), errors


def test_a_dead_row_becomes_a_copy_of_a_row_in_use_of_its_own_level():
    quantizer = spread(reset_after=1, active_within=2, reset_noise=0.0)
    before = quantizer.codebooks()["a"].clone()
    indices = torch.tensor([[[0, CODES + 3, 2 * CODES + 4]]])
    nothing = torch.zeros(1, 1, DIM)
    for _ in range(4):
        quantizer.reset({"a": Quantized(indices, nothing, nothing)}, torch.Generator(), OneRank())
    for used, rows in zip((0, 3, 4), quantizer.codebooks()["a"].chunk(LEVELS), strict=True):
        level = before.chunk(LEVELS)[(0, 3, 4).index(used)]
        assert torch.equal(rows, level[used].expand_as(rows))


def test_the_rows_of_all_levels_are_replaced_and_found_by_their_number():
    quantizer = spread()
    given = {m: torch.randn(LEVELS * CODES, DIM, dtype=torch.float64) for m in MODALITIES}
    quantizer.replace(given)
    assert torch.equal(quantizer.codebooks()["b"], given["b"])
    found = quantizer.lookup("b", torch.tensor([[[1, 7, 14], [0, 0, 0]]]))
    assert torch.allclose(found.own[0, 0], given["b"][[1, 7, 14]].sum(0))
    assert torch.allclose(found.full[0, 1], 3 * torch.cat([given["a"][0], given["b"][0]]))
