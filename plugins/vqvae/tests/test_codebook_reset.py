"""Reset of rows that no modality has selected for long."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae import codebooks as codebooks_module
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.resets import draw_donors, draw_noise
from torch import Tensor

from codaar_core.api import Quantized, QuantizerContext

CODES, DIM = 5, 2


class OneRank:
    rank, size = 0, 1

    def sum(self, value: Tensor) -> Tensor:
        return value

    gather = sum


def codebooks(**config: object) -> Codebooks:
    torch.manual_seed(0)
    config = {"codes": CODES, "dim": DIM, "reset_after": 3, "active_within": 2, "initial_count": 1.0, **config}
    quantizer = Codebooks(Codebooks.Config(**config), QuantizerContext(("a", "b"))).double()
    quantizer.codewords.normal_()
    quantizer.sums.copy_(quantizer.codewords)
    return quantizer


def select(a: list[int], b: list[int], mask: list[bool] | None = None) -> dict[str, Quantized]:
    def one(rows: list[int]) -> Quantized:
        empty = torch.zeros(1, len(rows), DIM)
        return Quantized(torch.tensor([rows]), empty, empty, mask=None if mask is None else torch.tensor([mask]))

    return {"a": one(a), "b": one(b)}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_a_row_is_dead_after_more_than_the_given_updates_without_any_modality() -> None:
    quantizer = codebooks()
    quantizer.idle.zero_()
    before = quantizer.codewords.clone()
    for _ in range(3):
        quantizer.reset(select([0, 1], [1, 2]), generator(), OneRank())
    assert quantizer.idle.tolist() == [0, 0, 0, 3, 3]
    assert torch.equal(quantizer.codewords, before)
    quantizer.reset(select([0, 3], [1, 2]), generator(), OneRank())
    assert quantizer.idle.tolist() == [0, 0, 0, 0, 0]
    assert torch.equal(quantizer.codewords[:4], before[:4])
    assert not torch.equal(quantizer.codewords[4], before[4])


def test_never_used_rows_live_one_update_longer_as_released() -> None:
    quantizer = codebooks()
    for _ in range(4):
        quantizer.reset(select([0], [0]), generator(), OneRank())
    assert quantizer.idle.tolist() == [0, 3, 3, 3, 3]


def test_the_first_update_counts_on_request() -> None:
    """With reset_after = N - 1, a row that is never used is reset in the N-th update: N updates without use."""
    quantizer = codebooks(count_first_update=True)
    before = quantizer.codewords.clone()
    for _ in range(3):
        quantizer.reset(select([0], [0]), generator(), OneRank())
        assert torch.equal(quantizer.codewords, before)
    quantizer.reset(select([0], [0]), generator(), OneRank())
    assert not torch.equal(quantizer.codewords[1:], before[1:])


def test_a_dead_row_becomes_a_noisy_copy_of_an_active_row_in_all_codebooks() -> None:
    quantizer = codebooks()
    quantizer.idle.copy_(torch.tensor([0, 1, 3, 2, 9]))
    before = quantizer.codewords.clone()
    quantizer.reset(select([0], [0]), generator(), OneRank())
    # Idle is now 0, 2, 4, 3, 10: only row 0 is active, rows 2 and 4 are dead.
    for row in (2, 4):
        difference = (quantizer.codewords[row] - before[0]).abs()
        assert 0 < difference.max() < 6 * quantizer.config.reset_noise
    assert torch.equal(quantizer.codewords[[0, 1, 3]], before[[0, 1, 3]])


def test_a_dead_row_is_no_donor_however_long_rows_count_as_active() -> None:
    quantizer = codebooks(active_within=100, reset_noise=0.0)
    quantizer.idle.copy_(torch.tensor([0, 9, 9, 9, 9]))
    before = quantizer.codewords[0].clone()
    quantizer.reset(select([0], [0]), generator(), OneRank())
    assert torch.equal(quantizer.codewords, before.expand_as(quantizer.codewords))


def test_masked_steps_are_no_use() -> None:
    quantizer = codebooks()
    quantizer.idle.zero_()
    quantizer.reset(select([0, 1], [0, 2], mask=[True, False]), generator(), OneRank())
    assert quantizer.idle.tolist() == [0, 1, 1, 1, 1]


def test_nothing_is_copied_where_no_row_is_active() -> None:
    quantizer = codebooks()
    quantizer.idle.fill_(3)
    before = quantizer.codewords.clone()
    quantizer.reset(select([0], [0], mask=[False]), generator(), OneRank())
    assert torch.equal(quantizer.codewords, before)


def test_zero_means_never() -> None:
    quantizer = codebooks(reset_after=0)
    quantizer.idle.fill_(1000)
    before = quantizer.codewords.clone()
    quantizer.reset(select([0], [0]), generator(), OneRank())
    assert torch.equal(quantizer.codewords, before)


@pytest.mark.parametrize("scope", ["codebook", "sums"])
def test_the_scope_decides_whether_a_reset_survives_the_next_update(scope: str) -> None:
    quantizer = codebooks(reset_scope=scope)
    quantizer.idle.copy_(torch.tensor([0, 3, 0, 0, 0]))
    buried = quantizer.codewords[1].clone()
    used = select([0, 2, 3, 4], [0, 2, 3, 4])
    quantizer.reset(used, generator(), OneRank())
    revived = quantizer.codewords[1].clone()
    targets = {m: quantizer.codebooks()[m][codes.indices] for m, codes in used.items()}
    quantizer.update(targets, used, OneRank())
    expected = revived if scope == "sums" else buried
    torch.testing.assert_close(quantizer.codewords[1], expected, rtol=1e-3, atol=0)


def test_draws_are_reproducible_and_uniform_over_active_rows() -> None:
    active = torch.zeros(3000, dtype=torch.bool)
    active[[1, 4, 7]] = True
    donors = draw_donors(active, generator())
    assert torch.equal(donors, draw_donors(active, generator()))
    shares = torch.bincount(donors, minlength=8) / 3000
    torch.testing.assert_close(shares[[1, 4, 7]], torch.full((3,), 1 / 3), rtol=0, atol=0.05)
    assert shares.sum() == shares[[1, 4, 7]].sum()
    noise = draw_noise(torch.empty(1000, 3, dtype=torch.float64), generator())
    assert noise.dtype == torch.float64
    assert abs(float(noise.std()) - 1) < 0.05


@pytest.mark.parametrize("scope", ["codebook", "sums"])
def test_a_device_that_is_not_asked_gives_the_same(scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, not_asked = codebooks(reset_scope=scope), codebooks(reset_scope=scope)
    for step, rows in enumerate([[0, 1], [1, 2], [1], [1, 2], [2], [0, 2], [1], [2]]):
        for quantizer, waits in ((asked, False), (not_asked, True)):
            monkeypatch.setattr(codebooks_module, "waits", lambda value, waits=waits: waits)
            quantizer.reset(select(rows, rows), torch.Generator().manual_seed(step), OneRank())
    for name, value in asked.state_dict().items():
        assert torch.equal(value, not_asked.state_dict()[name]), name
