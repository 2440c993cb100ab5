"""What a loss must keep, beside what every module must."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from codaar_core.api import ComponentError, Loss
from codaar_core.testing import toys
from codaar_core.testing.check import check, expect
from codaar_core.testing.ranks import on_ranks
from codaar_core.testing.subjects import LossSubject, loss_context


def has_own_optimizer(subject: LossSubject) -> bool:
    """Whether it trains an estimator of its own."""
    return subject.sample.optimizer is not None


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


@check("loss")
def two_ranks(subject: LossSubject) -> None:
    """The mean of its terms over two ranks with half of the clips each is what one rank with all gives."""
    view, loss = toys.transform(subject.inputs(clips=8), Tensor.detach), subject.build().eval()
    whole = {name: term.detach() for name, term in subject.outputs(loss, view).items()}
    halves = [toys.part(view, slice(4)), toys.part(view, slice(4, None))]
    parts = on_ranks(lambda ranks: subject.outputs(loss, attrs.evolve(halves[ranks.rank], ranks=ranks)))
    for name, term in whole.items():
        mean = torch.stack([part[name] for part in parts]).mean(0)
        expect(
            torch.allclose(mean, term, rtol=1e-4, atol=1e-5),
            f"{subject.title}: with the clips on two ranks, {name} is {float(mean):.4g} instead of {float(term):.4g}",
            "take means over clips; where clips are compared, view.ranks.gather(...) those of all ranks; where a count "
            "divides, divide by view.ranks.sum(count) / view.ranks.size",
        )


def _described(given: object) -> str:
    if not isinstance(given, Mapping):
        return f"a {type(given).__name__}"
    return str(
        {name: tuple(term.shape) if isinstance(term, Tensor) else type(term).__name__ for name, term in given.items()}
    )


@check("loss")
def reaches_something(subject: LossSubject) -> None:
    """Its gradient reaches latents, reconstructions or its own parameters: else it trains nothing."""
    view, loss = subject.inputs(), subject.build()
    total = subject.objective(loss, view)
    leaves = [*(item.semantic for item in view.encoded.values()), *view.decoded.values(), *loss.parameters()]
    if total.requires_grad:
        total.backward()
    reached = any(leaf.grad is not None and bool(leaf.grad.abs().sum() > 0) for leaf in leaves)
    expect(
        reached, f"{subject.title}: its gradient reaches nothing", "remove detach() and no_grad() where it should learn"
    )


@check("loss")
def modalities(subject: LossSubject) -> None:
    """It works for one, two and three modalities, or refuses with a ComponentError that says what to do."""
    for number in (1, 2, 3):
        context = loss_context(number)
        try:
            loss = subject.build(context)
        except ComponentError as error:
            expect(
                error.message and error.help,
                f"{subject.title} refuses {number} modalities without saying what to do",
                "raise ComponentError(message, help)",
            )
            continue
        view = toys.view_of(context.modalities, toys.CLIPS, toys.STEPS, subject.seed)
        total = sum(subject.outputs(loss, view).values())
        expect(
            bool(torch.as_tensor(total).isfinite()),
            f"{subject.title} is not finite for {number} modalities",
            "sum over the pairs there are, or raise ComponentError(message, help) in __init__",
        )


@check("loss", applies=has_own_optimizer)
def own_optimizer(subject: LossSubject) -> None:
    """With an optimizer of its own, this holds all its parameters, and inner_step trains them: the loop does not."""
    loss = subject.build()
    held = {id(each) for group in loss.optimizer.param_groups for each in group["params"]}
    forgotten = [name for name, each in loss.named_parameters() if id(each) not in held]
    expect(
        not forgotten and loss.parameters(),
        f"{subject.title}: nobody trains {', '.join(forgotten)}: they are not in its optimizer",
        "give self.parameters() to the optimizer",
    )
    expect(
        subject.component.inner_step is not Loss.inner_step,
        f"{subject.title} has an optimizer but no inner_step",
        "define inner_step(view): loss on detached latents, backward, optimizer.step()",
    )
    before = [each.detach().clone() for each in loss.parameters()]
    loss.inner_step(subject.inputs())
    moved = any(not torch.equal(*pair) for pair in zip(before, loss.parameters(), strict=True))
    expect(moved, f"{subject.title}.inner_step trains nothing", "call self.optimizer.step() in it")


@check("loss", applies=has_own_optimizer)
def inner_step_detached(subject: LossSubject) -> None:
    """inner_step leaves no gradient in the model: that belongs to the main step."""
    loss, view = subject.build(), subject.inputs()
    loss.inner_step(view)
    leaves = [*(item.semantic for item in view.encoded.values()), *view.decoded.values()]
    expect(
        all(leaf.grad is None for leaf in leaves),
        f"{subject.title}.inner_step sends gradients into the model",
        "detach everything that it reads from the view",
    )
