from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from codaar_plugin_csa.csa import Csa
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import AlignmentContext, ComponentError

laws = settings(deadline=None, max_examples=25)
orders = st.integers(2, 5).flatmap(lambda count: st.permutations([f"m{position}" for position in range(count)]))
seeds = st.integers(0, 2**16)


def step(order: tuple[str, ...], modalities: tuple[str, ...] | None = None) -> Csa:
    return Csa(Csa.Config(order=tuple(order)), AlignmentContext(modalities or tuple(sorted(order))))


def codebooks(names: list[str], seed: int) -> dict[str, torch.Tensor]:
    values = torch.randn(len(names), 6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return dict(zip(sorted(names), values, strict=True))


def exact_rows(order: list[str]) -> dict[str, dict[str, Fraction]]:
    """The sequential rule in exact fractions."""
    rows = {name: {other: Fraction(int(other == name)) for other in order} for name in order}
    for name in order:
        rows[name] = {other: sum(rows[each][other] for each in order) / len(order) for other in order}
    return rows


@laws
@given(orders, seeds)
def test_closed_form(order: list[str], seed: int) -> None:
    given_books = codebooks(order, seed)
    adjusted = step(order).adjust(given_books)
    for name, row in exact_rows(order).items():
        expected = sum(float(share) * given_books[other] for other, share in row.items())
        torch.testing.assert_close(adjusted[name], expected)


@laws
@given(orders, seeds)
def test_matrix_is_the_function_and_row_stochastic(order: list[str], seed: int) -> None:
    names = tuple(sorted(order, reverse=True))  # not the order of the step
    given_books = codebooks(order, seed)
    matrix = step(order).matrix(names)
    adjusted = step(order).adjust(given_books)
    expected = torch.einsum("mn,n...->m...", matrix, torch.stack([given_books[name] for name in names]))
    torch.testing.assert_close(torch.stack([adjusted[name] for name in names]), expected)
    torch.testing.assert_close(matrix.sum(1), torch.ones(len(names), dtype=torch.float64))
    assert (matrix >= 0).all()


@laws
@given(orders, seeds)
def test_codewords_stay_between_the_smallest_and_largest(order: list[str], seed: int) -> None:
    stacked = torch.stack(list(codebooks(order, seed).values()))
    for adjusted in step(order).adjust(codebooks(order, seed)).values():
        assert (adjusted >= stacked.amin(0) - 1e-12).all()
        assert (adjusted <= stacked.amax(0) + 1e-12).all()


@laws
@given(orders, seeds)
def test_agreeing_codebooks_stay(order: list[str], seed: int) -> None:
    same = codebooks(order, seed)["m0"]
    for adjusted in step(order).adjust(dict.fromkeys(sorted(order), same)).values():
        torch.testing.assert_close(adjusted, same)


@laws
@given(orders, seeds)
def test_rows_are_adjusted_independently(order: list[str], seed: int) -> None:
    rows = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    permuted = step(order).adjust({name: book[rows] for name, book in codebooks(order, seed).items()})
    for name, adjusted in step(order).adjust(codebooks(order, seed)).items():
        torch.testing.assert_close(permuted[name], adjusted[rows])


def test_three_modalities_in_the_order_of_the_paper() -> None:
    order = ("text", "audio", "video")
    expected = torch.tensor([[9, 9, 9], [3, 12, 12], [4, 7, 16]], dtype=torch.float64) / 27
    torch.testing.assert_close(step(order).matrix(order), expected)


def test_two_modalities_as_released() -> None:
    matrix = step(("audio", "video")).matrix(("audio", "video"))
    assert matrix.tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_keys_keep_their_order_and_inputs_are_left_alone() -> None:
    given_books = codebooks(["m0", "m1", "m2"], 0)
    copies = {name: book.clone() for name, book in given_books.items()}
    adjusted = step(("m2", "m0", "m1")).adjust(given_books)
    assert list(adjusted) == list(given_books)
    assert all(torch.equal(given_books[name], copies[name]) for name in copies)


def test_the_default_order_is_that_of_the_model() -> None:
    assert Csa(Csa.Config(), AlignmentContext(("b", "a"))).order == ("b", "a")


def test_one_modality_alone_stays() -> None:
    book = torch.randn(4, 2)
    assert torch.equal(step(("a",)).adjust({"a": book})["a"], book)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (("a", "b", "x"), "order has x, but the model has only a, b"),
        (("a",), "order is a, but must have each of a, b once"),
        (("a", "b", "a"), "order is a, b, a, but must have each of a, b once"),
    ],
)
def test_an_order_that_is_no_permutation_is_refused(order: tuple[str, ...], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        step(order, ("a", "b"))
