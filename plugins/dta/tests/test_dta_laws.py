from __future__ import annotations

import pytest
import torch
from codaar_plugin_dta.dta import Dta
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import AlignmentContext

laws = settings(deadline=None, max_examples=25)
shares = st.floats(0, 1)
counts = st.integers(2, 5)
seeds = st.integers(0, 2**16)


def step(own: float, count: int) -> Dta:
    return Dta(Dta.Config(own=own), AlignmentContext(names(count)))


def names(count: int) -> tuple[str, ...]:
    return tuple(f"m{position}" for position in range(count))


def latents(count: int, seed: int) -> dict[str, torch.Tensor]:
    values = torch.randn(count, 7, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return dict(zip(names(count), values, strict=True))


@laws
@given(shares, counts, seeds)
def test_target_is_own_share_plus_mean_of_the_others(own: float, count: int, seed: int) -> None:
    given_latents = latents(count, seed)
    mixed = step(own, count).mix(given_latents)
    for modality, target in mixed.items():
        others = [z for name, z in given_latents.items() if name != modality]
        expected = own * given_latents[modality] + (1 - own) * torch.stack(others).mean(0)
        torch.testing.assert_close(target, expected)


@laws
@given(shares, counts, seeds)
def test_target_lies_between_the_latents(own: float, count: int, seed: int) -> None:
    stacked = torch.stack(list(latents(count, seed).values()))
    for target in step(own, count).mix(latents(count, seed)).values():
        assert (target >= stacked.amin(0) - 1e-12).all()
        assert (target <= stacked.amax(0) + 1e-12).all()


@laws
@given(shares, counts, seeds)
def test_agreeing_modalities_stay(own: float, count: int, seed: int) -> None:
    same = latents(count, seed)["m0"]
    for target in step(own, count).mix(dict.fromkeys(names(count), same)).values():
        torch.testing.assert_close(target, same)


@laws
@given(shares, counts, seeds)
def test_rows_are_mixed_independently(own: float, count: int, seed: int) -> None:
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    permuted = step(own, count).mix({name: z[order] for name, z in latents(count, seed).items()})
    for name, target in step(own, count).mix(latents(count, seed)).items():
        torch.testing.assert_close(permuted[name], target[order])


@laws
@given(shares, counts, seeds)
def test_matrix_is_the_function_and_row_stochastic(own: float, count: int, seed: int) -> None:
    matrix = step(own, count).matrix(names(count))
    stacked = torch.stack(list(latents(count, seed).values()))
    mixed = torch.stack(list(step(own, count).mix(latents(count, seed)).values()))
    torch.testing.assert_close(torch.einsum("mn,n...->m...", matrix, stacked), mixed)
    torch.testing.assert_close(matrix.sum(1), torch.ones(count, dtype=torch.float64))
    assert (matrix >= 0).all()


def test_released_shares() -> None:
    three = step(0.6, 3).matrix(names(3))
    assert three[0].tolist() == pytest.approx([0.6, 0.2, 0.2])
    two = step(0.75, 2).matrix(names(2))
    assert two[1].tolist() == pytest.approx([0.25, 0.75])


def test_one_modality_alone_is_not_mixed() -> None:
    alone = latents(1, 0)
    assert torch.equal(step(0.6, 1).mix(alone)["m0"], alone["m0"])
    assert step(0.6, 1).matrix(("m0",)).tolist() == [[1.0]]


def test_inputs_are_left_alone() -> None:
    given_latents = latents(3, 0)
    copies = {name: z.clone() for name, z in given_latents.items()}
    step(0.6, 3).mix(given_latents)
    assert all(torch.equal(given_latents[name], copies[name]) for name in copies)


@pytest.mark.parametrize("own", [-0.1, 1.1])
def test_a_share_outside_of_zero_to_one_is_refused(own: float) -> None:
    with pytest.raises(ValueError, match="own"):
        Dta.Config(own=own)
