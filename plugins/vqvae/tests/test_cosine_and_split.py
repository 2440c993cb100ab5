"""Codewords as mean directions, and dead rows that become halves of the most used ones."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae import codebooks as codebooks_module
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.resets import most_used_donors
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Encoded, Quantized, QuantizerContext
from codaar_core.testing.environment.ranks import SingleProcess

laws = settings(deadline=None, max_examples=15)
MODALITIES = ("a", "b")
CODES, DIM = 6, 4
LENGTH = DIM**0.5
seeds = st.integers(0, 2**16)


def codebooks(seed: int = 0, **config: object) -> Codebooks:
    config = {"codes": CODES, "dim": DIM, "initial_count": 1.0, **config}
    quantizer = Codebooks(Codebooks.Config(**config), QuantizerContext(MODALITIES)).double()
    values = torch.randn(quantizer.codewords.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    quantizer.replace({m: values[:, book] for m, book in quantizer.book.items()})
    quantizer.sums.copy_(quantizer.codewords)
    return quantizer


def encode(seed: int) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)
    return {m: Encoded(3 * torch.randn(2, 5, DIM, generator=generator, dtype=torch.float64)) for m in MODALITIES}


def lengths_are_equal(quantizer: Codebooks) -> bool:
    lengths = quantizer.codewords.norm(dim=-1)
    return torch.allclose(lengths, torch.full_like(lengths, LENGTH))


@laws
@given(seeds, st.sampled_from(["each", "shared"]))
def test_the_nearest_codeword_is_that_of_the_largest_cosine(seed: int, books: str) -> None:
    quantizer, encoded = codebooks(seed, books=books, metric="cosine"), encode(seed)
    quantizer.wants_distances = True
    for modality, codes in quantizer.quantize(encoded).items():
        book = quantizer.codebooks()[modality]
        cosines = F.cosine_similarity(encoded[modality].semantic[:, :, None], book, dim=-1)
        assert torch.equal(codes.indices, cosines.argmax(-1))
        torch.testing.assert_close(codes.distances, 2 - 2 * cosines)
        assert torch.equal(codes.own, book[codes.indices])


@laws
@given(seeds, st.sampled_from(["smoothed", "plain"]), st.floats(0.1, 10))
def test_codewords_are_mean_directions_whatever_the_lengths_of_latents(seed: int, counts: str, factor: float) -> None:
    quantizer, longer = (codebooks(seed, metric="cosine", counts=counts) for _ in range(2))
    encoded = encode(seed)
    assigned, before = quantizer.quantize(encoded), quantizer.sums.clone()
    quantizer.update({m: item.semantic for m, item in encoded.items()}, assigned, SingleProcess())
    longer.update({m: factor * item.semantic for m, item in encoded.items()}, assigned, SingleProcess())
    torch.testing.assert_close(longer.codewords, quantizer.codewords)
    for modality, book in quantizer.book.items():
        for k in range(CODES):
            total = 0.99 * before[k, book]
            for index, z in zip(
                assigned[modality].indices.flatten(), encoded[modality].semantic.flatten(0, 1), strict=True
            ):
                total = total + 0.01 * LENGTH * z / z.norm() * (index == k)
            torch.testing.assert_close(quantizer.codewords[k, book], LENGTH * total / total.norm())


@pytest.mark.parametrize("scope", ["codebook", "sums"])
@pytest.mark.parametrize("initial_count", [0.0, 1.0])
def test_all_codewords_keep_their_length(scope: str, initial_count: float) -> None:
    config = {"align_scope": scope, "reset_scope": scope, "initial_count": initial_count, "reset_after": 1}
    quantizer = Codebooks(
        Codebooks.Config(codes=CODES, dim=DIM, metric="cosine", active_within=1, **config), QuantizerContext(MODALITIES)
    ).double()
    assert lengths_are_equal(quantizer)
    for seed in range(6):
        encoded = encode(seed)
        encoded = {m: item._replace(semantic=item.semantic[:, :2]) for m, item in encoded.items()}
        assigned = quantizer.quantize(encoded)
        quantizer.update({m: item.semantic for m, item in encoded.items()}, assigned, SingleProcess())
        assert lengths_are_equal(quantizer)
        books = quantizer.codebooks()
        quantizer.replace({m: (books["a"] + books["b"]) / 2 + 0.1 * books[m] for m in MODALITIES})
        assert lengths_are_equal(quantizer)
        quantizer.reset(assigned, torch.Generator().manual_seed(seed), SingleProcess())
        assert lengths_are_equal(quantizer)


def test_sums_without_a_direction_leave_the_codeword() -> None:
    quantizer = codebooks(metric="cosine")
    before = quantizer.codewords.clone()
    quantizer.sums.zero_()
    nothing = Quantized(torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, DIM), torch.zeros(1, 1, DIM))
    none = nothing._replace(mask=torch.zeros(1, 1, dtype=torch.bool))
    quantizer.update({"a": torch.zeros(1, 1, DIM).double()}, {"a": none}, SingleProcess())
    assert torch.equal(quantizer.codewords, before)


@laws
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=2, max_size=9))
def test_dead_rows_take_the_most_used_rows_in_turn(rows: list[tuple[bool, bool, int]]) -> None:
    dead, active, use = (torch.tensor(each) for each in zip(*rows, strict=True))
    active = active & ~dead
    if not active.any():
        return
    donors, copies = most_used_donors(dead, active, use.double())
    order = sorted((k for k in range(len(rows)) if active[k]), key=lambda k: -int(use[k]))
    expected = [order[number % len(order)] for number in range(int(dead.sum()))]
    assert donors[dead].tolist() == expected
    assert copies.tolist() == [expected.count(k) for k in range(len(rows))]


def dying(**config: object) -> Codebooks:
    """Rows 3 and 5 are dead after the next step; row 1 is used most, then row 0."""
    quantizer = codebooks(reset_by="split", reset_after=3, active_within=2, **config)
    quantizer.idle.copy_(torch.tensor([0, 0, 0, 3, 0, 3]))
    quantizer.counts.copy_(torch.tensor([4.0, 9, 1, 0.1, 2, 0.2])[:, None].expand(CODES, 2))
    quantizer.sums.copy_(quantizer.codewords * quantizer.counts[..., None])
    return quantizer


def use_of_the_others() -> dict[str, Quantized]:
    empty = torch.zeros(1, 4, DIM)
    return dict.fromkeys(MODALITIES, Quantized(torch.tensor([[0, 1, 2, 4]]), empty, empty))


def reset(quantizer: Codebooks) -> Tensor:
    before = quantizer.codewords.clone()
    quantizer.reset(use_of_the_others(), torch.Generator().manual_seed(3), SingleProcess())
    return before


def test_a_dead_row_is_half_of_the_most_used_one_in_every_codebook() -> None:
    quantizer = dying()
    before = reset(quantizer)
    assert quantizer.counts[:, 0].tolist() == [2.0, 4.5, 1.0, 4.5, 2.0, 2.0]
    assert torch.equal(quantizer.counts[:, 0], quantizer.counts[:, 1])
    for row, donor in ((3, 1), (5, 0)):
        moved = (quantizer.codewords[row] - before[donor]).abs()
        assert 0 < float(moved.max()) < 6 * quantizer.config.reset_noise
    assert torch.equal(quantizer.codewords[[0, 1, 2, 4]], before[[0, 1, 2, 4]])
    torch.testing.assert_close(quantizer.sums / quantizer.counts[..., None], quantizer.codewords)


def test_the_next_update_keeps_both_halves() -> None:
    quantizer = dying(counts="plain")
    reset(quantizer)
    halves = quantizer.codewords[[0, 1, 3, 5]].clone()
    codes = {m: item._replace(mask=torch.zeros(1, 4, dtype=torch.bool)) for m, item in use_of_the_others().items()}
    quantizer.update({m: torch.zeros(1, 4, DIM).double() for m in MODALITIES}, codes, SingleProcess())
    torch.testing.assert_close(quantizer.codewords[[0, 1, 3, 5]], halves, rtol=1e-4, atol=1e-4)


def test_a_device_that_is_not_asked_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, not_asked = dying(), dying()
    for _ in range(3):  # rows are dead in the first of the steps only
        for quantizer, waits in ((asked, False), (not_asked, True)):
            monkeypatch.setattr(codebooks_module, "waits", lambda value, waits=waits: waits)
            reset(quantizer)
    for name, value in asked.state_dict().items():
        assert torch.equal(value, not_asked.state_dict()[name]), name
