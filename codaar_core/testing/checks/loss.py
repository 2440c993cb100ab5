"""Checks of losses, in addition to those of every module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import attrs
import torch
from torch import Tensor

from codaar_core.api import ComponentError, Loss, Ranks, StepView
from codaar_core.engine.assembly.model import average_gradients_over
from codaar_core.engine.devices.batch_ranks import BatchRanks
from codaar_core.testing.check import Violation, check, expect, expect_help
from codaar_core.testing.checks.module import close
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.ranks import UNEVEN, Shares, on_ranks
from codaar_core.testing.subjects import LossSubject, loss_context


def has_own_optimizer(subject: LossSubject) -> bool:
    """Whether it trains an estimator itself."""
    return subject.sample.optimizer is not None


def has_inner_step(subject: LossSubject) -> bool:
    """Whether it keeps state that changes with every step."""
    return subject.component.inner_step is not Loss.inner_step


@check("loss")
def distances_declared(subject: LossSubject) -> None:
    """A loss that reads `Quantized.distances` declares needs_distances = True: others are given none."""
    if subject.component.needs_distances:
        return
    loss, view = subject.build(), subject.inputs()
    try:
        subject.outputs(loss, view)
    except Exception as error:
        if _works_with_distances(subject):
            raise Violation(
                f"{subject.title} reads Quantized.distances without declaring it: {type(error).__name__}: {error}",
                "write needs_distances = True in the class: quantizers leave distances out otherwise",
            ) from error


def _works_with_distances(subject: LossSubject) -> bool:
    """Whether the loss can be computed when it is given distances; other checks report why not."""
    try:
        subject.outputs(subject.build(), subject.inputs_with_distances())
    except Exception:
        return False
    return True


@check("loss")
def terms(subject: LossSubject) -> None:
    """It gives named scalars: the journal plots each, and their weighted sum is minimised."""
    given = subject.outputs(subject.sample, subject.inputs())
    scalars = isinstance(given, Mapping) and all(
        isinstance(name, str) and isinstance(term, Tensor) and term.dim() == 0 for name, term in given.items()
    )
    expect(
        scalars and given,
        f"{subject.title} should give scalar tensors by name, it gives {_described(given)}",
        'return {"name": scalar}; take the mean or sum over clips and steps',
    )


def _described(given: object) -> str:
    if not isinstance(given, Mapping):
        return f"a {type(given).__name__}"
    return str(
        {name: tuple(term.shape) if isinstance(term, Tensor) else type(term).__name__ for name, term in given.items()}
    )


@check("loss")
def reaches_something(subject: LossSubject) -> None:
    """Its gradient reaches latents, reconstructions, codewords or its own parameters: else it trains nothing."""
    view, loss = subject.inputs(), subject.build()
    total = subject.objective(loss, view)
    surroundings = [each for part in subject.surroundings() for each in part.parameters()]
    leaves = [each for each in toys.tensors(view) if each.is_leaf] + [*loss.parameters(), *surroundings]
    if total.requires_grad:
        total.backward()
    reached = any(leaf.grad is not None and bool(leaf.grad.abs().sum() > 0) for leaf in leaves)
    expect(
        reached,
        f"{subject.title}: its gradient reaches nothing",
        "remove detach() and no_grad() from the path to what it should train",
    )


@check("loss")
def modalities(subject: LossSubject) -> None:
    """It works for one, two and three modalities, or refuses with a ComponentError that says what to do."""
    for number in (1, 2, 3):
        context = loss_context(number, subject.learned)
        try:
            loss = subject.build(context)
        except ComponentError as error:
            expect_help(error, f"{subject.title} refuses {number} modalities")
            continue
        view = subject.view(context.modalities)
        total = sum(subject.outputs(loss, view).values())
        expect(
            bool(torch.as_tensor(total).isfinite()),
            f"{subject.title} is not finite for {number} modalities",
            "sum over the pairs there are, or raise ComponentError(message, help) in __init__",
        )


@check("loss", applies=has_own_optimizer)
def own_optimizer(subject: LossSubject) -> None:
    """inner_step trains the parameters of the loss's own optimizer: the training loop does not."""
    loss = subject.build()
    expect(
        subject.component.inner_step is not Loss.inner_step,
        f"{subject.title} has an optimizer but no inner_step",
        "define inner_step(view): loss on detached latents, backward, optimizer.step()",
    )
    before = [each.detach().clone() for each in loss.parameters()]
    loss.inner_step(subject.inputs())
    moved = any(not torch.equal(*pair) for pair in zip(before, loss.parameters(), strict=True))
    expect(moved, f"{subject.title}.inner_step trains nothing", "call self.optimizer.step() in it")


@check("loss", applies=has_inner_step)
def inner_step_detached(subject: LossSubject) -> None:
    """inner_step leaves no gradient in the model: only the main step trains it."""
    loss, view = subject.build(), subject.inputs()
    loss.inner_step(view)
    leaves = [each for each in toys.tensors(view) if each.is_leaf]
    expect(
        all(leaf.grad is None for leaf in leaves),
        f"{subject.title}.inner_step sends gradients into the model",
        "detach every tensor that it reads from the view",
    )


@check("loss", applies=has_inner_step)
def inner_step_on_ranks(subject: LossSubject) -> None:
    """After inner_step, two and three ranks with parts of the clips have the state of one process with all."""
    view = toys.as_type(toys.transform(subject.inputs(clips=8, masked=True), Tensor.detach), torch.float64)
    loss = _double(subject)
    loss.inner_step(attrs.evolve(view, generator=toys.generator_of(0)))
    for shares in UNEVEN:
        _inner_step_on(shares, subject, view, loss.state_dict())


def _inner_step_on(shares: Shares, subject: LossSubject, view: StepView, expected: Mapping[str, Tensor]) -> None:
    copies, parts = [_double(subject) for _ in shares.clips], shares.divide(view)

    def kept(ranks: Ranks) -> Mapping[str, Tensor]:
        loss, part = copies[ranks.rank], parts[ranks.rank]
        if loss.optimizer is not None:
            average_gradients_over(ranks, loss.optimizer)
        with torch.enable_grad():
            loss.inner_step(attrs.evolve(part, ranks=BatchRanks(ranks, shares.clips), generator=toys.generator_of(0)))
        return loss.state_dict()

    for state in on_ranks(kept, len(shares.clips)):
        for name, tensor in expected.items():
            expect(
                close(state[name], tensor),
                f"{subject.title}: with the clips on {shares.title}, {name} differs after inner_step",
                "view.ranks.gather(...) the entries of a queue; take averages over all ranks",
            )


def _double(subject: LossSubject) -> Loss:
    """In float64, so that an optimizer makes no step of a gradient that is rounding alone."""
    return cast(Loss, subject.converted(torch.float64))
