"""Checks of alignment steps, for two to five modalities of any names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from codaar_core.api import ComponentError
from codaar_core.testing.check import check, expect, expect_help
from codaar_core.testing.environment.toys import MODALITIES
from codaar_core.testing.subjects import AlignmentSubject, Rows, Step

TOLERANCE = 1e-9  # in float64
MUTATED = "return new tensors: write a = a + b, not a += b; torch.lerp, not lerp_; copy a dict before changing it"


def has_matrix(subject: AlignmentSubject) -> bool:
    """Whether it is linear and gives its matrix."""
    return any(True for _ in subject.matrices())


def is_convex(subject: AlignmentSubject) -> bool:
    """Whether its matrices are non-negative: then it only averages."""
    matrices = [matrix for *_, matrix in subject.matrices()]
    return bool(matrices) and all(bool((matrix >= 0).all()) for matrix in matrices)


def stacked(rows: Rows) -> Tensor:
    """(M, N, D), by name."""
    return torch.stack([rows[name] for name in sorted(rows)])


def same(one: Rows, other: Rows) -> bool:
    """Whether they are equal up to rounding."""
    return torch.allclose(stacked(one), stacked(other), rtol=TOLERANCE, atol=TOLERANCE)


def changed(rows: Rows, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """The same change to all modalities."""
    return {name: change(tensor) for name, tensor in rows.items()}


def result(step: Step, rows: Rows) -> Rows:
    """The result for a copy of the rows: a step that mutates them affects no other check."""
    return step(changed(rows, torch.Tensor.clone))


@check("alignment")
def modalities(subject: AlignmentSubject) -> None:
    """It works for two to five modalities of any names, or refuses with a ComponentError that says why."""
    for number in (2, 3, 4, 5):
        try:
            subject.build(type(subject.context)(MODALITIES[:number]))
        except ComponentError as error:
            expect_help(error, f"{subject.title} refuses {number} modalities")
    expect(
        any(True for _ in subject.built()),
        f"{subject.title} accepts neither two, three, four nor five modalities",
        "accept at least two",
    )


@check("alignment")
def pure(subject: AlignmentSubject) -> None:
    """mix and adjust do not change their arguments: only the framework replaces codebooks."""
    for name, step, rows in subject.cases():
        before = changed(rows, torch.Tensor.clone)
        step(rows)
        expect(list(rows) == list(before), f"{name} changed the mapping it was given", MUTATED)
        what = "codebook" if name.endswith("adjust") else "latents"
        for modality, tensor in rows.items():
            expect(
                torch.equal(tensor, before[modality]), f"{name} mutated the {what} of {modality!r} in place", MUTATED
            )


@check("alignment")
def keys_and_shapes(subject: AlignmentSubject) -> None:
    """Results have the modalities and shapes of the arguments."""
    for name, step, rows in subject.cases():
        back = result(step, rows)
        given = list(back) if isinstance(back, Mapping) else type(back).__name__
        expect(
            isinstance(back, Mapping) and set(back) == set(rows),
            f"{name} should give tensors for {list(rows)}, it gives {given}",
            "return {modality: tensor} with every modality that was given",
        )
        for modality, tensor in back.items():
            expected, got = tuple(rows[modality].shape), tuple(tensor.shape)
            expect(
                got == expected,
                f"{name} should keep the shape {expected} of {modality!r}, it gives {got}",
                "map rows to rows: the first axis counts them, the second is their width",
            )


@check("alignment", applies=has_matrix)
def matrix(subject: AlignmentSubject) -> None:
    """mix and adjust compute what its matrix says: `codaar inspect` prints it as the closed form."""
    matrices = {names: shares for _, names, shares in subject.matrices()}
    for name, step, rows in subject.cases():
        shares = matrices.get(tuple(rows))
        if shares is None:
            continue
        back = result(step, rows)
        expected = torch.einsum("mn,nkd->mkd", shares, torch.stack(list(rows.values())))
        far = (torch.stack([back[m] for m in rows]) - expected).abs().max()
        expect(
            far < 1e-6,
            f"{name} is not what matrix({len(rows)} modalities) says: {far:.2g} apart",
            "compute both from the same shares; return None from matrix where the step is not linear",
        )


@check("alignment", applies=has_matrix)
def row_stochastic(subject: AlignmentSubject) -> None:
    """The rows of its matrix add up to one: codewords keep their scale."""
    for _, names, shares in subject.matrices():
        sums = shares.sum(1)
        expect(
            torch.allclose(sums, torch.ones_like(sums), atol=1e-6),
            f"{subject.title}.matrix({len(names)} modalities) has rows that add up to {sums.tolist()}, not 1",
            "let the shares of each row add up to one",
        )


@check("alignment", applies=is_convex)
def convex_hull(subject: AlignmentSubject) -> None:
    """With a non-negative matrix, results lie between the modalities' rows, in every direction."""
    directions = torch.randn(4, 20, generator=subject.generator(), dtype=torch.float64)
    for name, step, rows in subject.cases():
        before, after = (stacked(each) @ directions for each in (rows, result(step, rows)))
        inside = (after <= before.amax(0) + TOLERANCE) & (after >= before.amin(0) - TOLERANCE)
        expect(
            inside.all(),
            f"{name} leaves the convex hull of the modalities, though its matrix is non-negative",
            "average only, or return a matrix that says what the step does",
        )


@check("alignment")
def fixed_point(subject: AlignmentSubject) -> None:
    """Rows that are equal in all modalities stay unchanged: there is nothing to align."""
    for name, step, rows in subject.cases():
        equal = dict.fromkeys(rows, next(iter(rows.values())))
        expect(
            same(result(step, equal), equal),
            f"{name} moves rows that are equal in all modalities",
            "move rows towards each other: what is added must vanish where they agree",
        )


@check("alignment")
def row_order(subject: AlignmentSubject) -> None:
    """Reordered rows give the same results, reordered: a codeword's number has no meaning."""

    def shuffle(rows: Tensor) -> Tensor:
        return rows.flip(0).roll(1, 0)

    for name, step, rows in subject.cases():
        expect(
            same(changed(result(step, rows), shuffle), result(step, changed(rows, shuffle))),
            f"{name} gives different rows when their order changes",
            "use no row number in the computation",
        )


@check("alignment")
def row_by_row(subject: AlignmentSubject) -> None:
    """Row k of the result depends on rows k only: rows may be spread over ranks."""
    for name, step, rows in subject.cases():
        parts = ({m: tensor[part] for m, tensor in rows.items()} for part in (slice(5), slice(5, None)))
        first, second = (result(step, part) for part in parts)
        expect(
            same(result(step, rows), {m: torch.cat([first[m], second[m]]) for m in first}),
            f"{name} gives different rows for half of them",
            "use no mean, norm or sort over rows: the remaining rows may be on another rank",
        )


@check("alignment")
def keeps_precision(subject: AlignmentSubject) -> None:
    """float32 comes back as float32 and float64 as float64."""
    for dtype in (torch.float32, torch.float64):
        for name, step, rows in subject.cases(dtype):
            got = sorted({str(tensor.dtype) for tensor in result(step, rows).values()})
            expect(
                got == [str(dtype)],
                f"{name} turns {dtype} into {', '.join(got)}",
                "make constants like the tensors at hand: matrix.to(tensor.dtype)",
            )


@check("alignment")
def repeatable(subject: AlignmentSubject) -> None:
    """The same rows give the same result: a run can be repeated."""
    for name, step, rows in subject.cases():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            first = result(step, rows)
            torch.manual_seed(2)
            again = result(step, rows)
        expect(
            torch.equal(stacked(first), stacked(again)),
            f"{name} gives a different result the second time",
            "draw no random numbers and keep no state between calls",
        )
