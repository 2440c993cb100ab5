"""The start of codebooks from k-means of the first batches."""

from __future__ import annotations

import copy

import pytest
import torch
from codaar_plugin_vqvae.codebooks import Codebooks
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import Encoded, QuantizerContext
from codaar_core.testing.environment.ranks import UNEVEN, SingleProcess, on_ranks

laws = settings(deadline=None, max_examples=10)
MODALITIES = ("a", "b")
CODES, DIM, CLIPS, STEPS, BATCHES = 6, 3, 8, 4, 3
seeds = st.integers(0, 2**16)
kinds = st.sampled_from(["each", "shared", "shared-in-turn"])


def codebooks(**config: object) -> Codebooks:
    torch.manual_seed(0)
    config = {"codes": CODES, "dim": DIM, "start": "kmeans", "start_batches": BATCHES, "start_iterations": 2, **config}
    return Codebooks(Codebooks.Config(**config), QuantizerContext(MODALITIES)).double()


def batch(seed: int, masked: bool = False) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)

    def one() -> Encoded:
        latents = torch.randn(CLIPS, STEPS, DIM, generator=generator, dtype=torch.float64)
        return Encoded(latents, mask=torch.rand(CLIPS, STEPS, generator=generator) < 0.6 if masked else None)

    return {modality: one() for modality in MODALITIES}


def step(quantizer: Codebooks, encoded: dict[str, Encoded], ranks: object = None) -> None:
    ranks = ranks or SingleProcess()
    assigned = quantizer.quantize(encoded)
    quantizer.update({m: item.semantic for m, item in encoded.items()}, assigned, ranks)
    quantizer.reset(assigned, torch.Generator().manual_seed(0), ranks)


def state(quantizer: Codebooks) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in quantizer.state_dict().items()}


def slow_means(encoded: list[list[Tensor]], seeds: list[Tensor], iterations: int) -> tuple[list[Tensor], list[int]]:
    """Codewords and counts of one codebook: Lloyd's algorithm over batches of latents, one latent at a time."""
    rows, sums, counts = seeds, [torch.zeros(DIM).double() for _ in seeds], [0] * len(seeds)
    for latents in encoded:
        for _ in range(iterations):
            found, many = [each.clone() for each in sums], list(counts)
            for latent in latents:
                nearest = min(range(len(rows)), key=lambda k, z=latent, e=rows: float((z - e[k]).square().sum()))
                found[nearest] += latent
                many[nearest] += 1
            rows = [total / count if count else row for row, total, count in zip(rows, found, many, strict=True)]
        sums, counts = found, many
    return rows, counts


@laws
@given(seeds, kinds, st.booleans())
def test_codewords_and_counts_are_those_of_the_loops(seed: int, books: str, masked: bool) -> None:
    quantizer, batches = codebooks(books=books), [batch(seed + number, masked) for number in range(2)]
    for encoded in batches:
        step(quantizer, encoded)
    both = batches[0]["a"].real() & batches[0]["b"].real()
    groups = [["a"], ["b"]] if books == "each" else [["a", "b"]]
    for book, group in enumerate(groups):
        latents = [[z for m in group for z in encoded[m].semantic[encoded[m].real()]] for encoded in batches]
        first = list(batches[0][group[0]].semantic[both]) if books == "each" else latents[0]
        rows, counts = slow_means(latents, [first[k * len(first) // CODES] for k in range(CODES)], 2)
        assert quantizer.counts[:, book].sum() == sum(map(len, latents))
        if 0 not in counts:  # else a row without latents begins anew in the second batch, unlike in the loops
            torch.testing.assert_close(quantizer.codewords[:, book], torch.stack(rows))
            assert quantizer.counts[:, book].tolist() == counts


def test_each_row_begins_with_one_clip_and_step_of_all_modalities() -> None:
    quantizer, encoded = codebooks(start_iterations=1), batch(0, masked=True)
    both = encoded["a"].mask & encoded["b"].mask
    far = torch.arange(CLIPS * STEPS).view(CLIPS, STEPS, 1) * torch.ones(DIM)  # no two latents share a codeword
    encoded = {m: item._replace(semantic=far.double() + (m == "b")) for m, item in encoded.items()}
    quantizer = codebooks(codes=int(both.sum()), start_iterations=1)
    step(quantizer, encoded)
    spare = quantizer.counts > 1  # rows to which latents came that only one modality has
    apart = (quantizer.codewords[:, 1] - quantizer.codewords[:, 0])[~spare.any(dim=1)]
    assert len(apart) and torch.equal(apart, torch.ones_like(apart))


@laws
@given(seeds, kinds, st.booleans(), st.sampled_from(["euclidean", "cosine"]))
def test_ranks_equal_one_process(seed: int, books: str, masked: bool, metric: str) -> None:
    batches = [batch(seed + number, masked) for number in range(BATCHES + 1)]
    alone = codebooks(books=books, metric=metric)
    for encoded in batches:
        step(alone, encoded)
    for shares in UNEVEN[:1]:
        copies = [codebooks(books=books, metric=metric) for _ in shares.clips]
        parts = [shares.divide(encoded) for encoded in batches]

        def work(ranks: object, copies: list = copies, parts: list = parts) -> None:
            for each in parts:
                step(copies[ranks.rank], each[ranks.rank], ranks)

        on_ranks(work, len(copies))
        for copied in copies:
            for name, value in alone.state_dict().items():
                torch.testing.assert_close(copied.state_dict()[name], value)


@laws
@given(seeds, kinds)
def test_masked_steps_change_nothing(seed: int, books: str) -> None:
    encoded = batch(seed, masked=True)
    junk = {
        m: item._replace(semantic=item.semantic.masked_fill(~item.mask[..., None], torch.nan))
        for m, item in encoded.items()
    }
    clean, spoilt = codebooks(books=books), codebooks(books=books)
    step(clean, encoded)
    step(spoilt, junk)
    assert all(torch.equal(value, state(spoilt)[name]) for name, value in state(clean).items())


@pytest.mark.parametrize("killed", range(1, BATCHES + 1))
def test_a_run_that_is_killed_meanwhile_goes_on_as_if_it_had_not_been(killed: int) -> None:
    whole, resumed = codebooks(), codebooks()
    for number in range(BATCHES + 2):
        step(whole, batch(number))
        if number + 1 == killed:
            resumed.load_state_dict(state(whole))
        elif number >= killed:
            step(resumed, batch(number))
    assert all(torch.equal(value, state(resumed)[name]) for name, value in state(whole).items())


def test_a_step_that_is_taken_back_is_no_batch_of_the_start() -> None:
    """As after a loss scale that overflows: buffers get their values of before the step."""
    whole, skipping = codebooks(start_batches=1), codebooks(start_batches=1)
    before = state(skipping)
    step(skipping, batch(7))
    for name, buffer in skipping.named_buffers():
        buffer.copy_(before[name])
    for number in range(2):
        step(whole, batch(number))
        step(skipping, batch(number))
    assert all(torch.equal(value, state(skipping)[name]) for name, value in state(whole).items())


def test_afterwards_counts_are_those_of_an_average_batch_and_move_on() -> None:
    quantizer = codebooks()
    for number in range(BATCHES):
        step(quantizer, batch(number))
    torch.testing.assert_close(quantizer.counts.sum(0), torch.full((2,), CLIPS * STEPS * 1.0).double())
    centroids = quantizer.sums / quantizer.counts[..., None]
    torch.testing.assert_close(quantizer.codewords, centroids)
    moving = copy.deepcopy(quantizer)
    step(moving, batch(BATCHES))
    assert not torch.equal(moving.counts, quantizer.counts)
    assert (moving.codewords - quantizer.codewords).abs().max() < 0.2  # by decay 0.99


def test_fewer_latents_than_codewords_leave_the_others_where_they_were_put() -> None:
    quantizer = codebooks(codes=100, start_batches=1, books="shared")
    step(quantizer, batch(0))
    assert bool(quantizer.codewords.isfinite().all()) and int((quantizer.counts > 0).sum()) == 100
    used = {int(k) for codes in quantizer.quantize(batch(0)).values() for k in codes.indices.flatten()}
    assert len(used) == CLIPS * STEPS * len(MODALITIES)  # each latent has a codeword of its own


def test_aligned_codewords_are_not_aligned_again_by_the_next_batch() -> None:
    aligned, plain = codebooks(), codebooks()
    for number in range(2):
        step(aligned, batch(number))
        step(plain, batch(number))
        torch.testing.assert_close(aligned.codewords, plain.codewords)
        mean = torch.stack(list(aligned.codebooks().values())).mean(0)
        aligned.replace(dict.fromkeys(MODALITIES, mean))
