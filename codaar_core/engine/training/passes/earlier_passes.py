"""The passes of a step before its last one: each encodes its clips anew and updates the codebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api import StepView
from codaar_core.engine.training.codebook_update import update_codebooks
from codaar_core.engine.training.passes.micro_batches import StepSum, micro_batches, weighted
from codaar_core.engine.training.session import Session
from codaar_core.recipe.plan import Plan


class LossesOfPasses(NamedTuple):
    """Names of the losses that read the first pass of a step, and of those that read the last."""

    first: tuple[str, ...]
    last: tuple[str, ...]


def losses_of_passes(plan: Plan) -> LossesOfPasses:
    """Divide the losses of a plan; with one pass a step, all read the last."""
    several = plan.run.updates_per_step > 1
    first = tuple(name for name, loss in plan.losses.items() if several and loss.pass_ == "first")
    return LossesOfPasses(first, tuple(name for name in plan.losses if name not in first))


def earlier_passes(session: Session, step: StepView, first: tuple[str, ...]) -> dict[str, Tensor]:
    """Make all passes of a step but the last; each ends with an update of the codebooks.

    Dropout and other random numbers differ between passes. In each pass losses make their inner step; the gradients
    of those that read the first pass are added to the parameters' gradients.

    Args:
        session: The run; its model is changed.
        step: Features, number and generators of the step, without other records.
        first: Names of the losses that read the first pass.

    Returns:
        The weighted terms of these losses; empty if there are none.
    """
    values: dict[str, Tensor] = {}
    for number in range(session.plan.run.updates_per_step - 1):
        passes = StepSum()
        for inputs, share in micro_batches(step.inputs, session.plan.accumulate):
            view, terms = _one_pass(session, attrs.evolve(step, inputs=inputs), first if number == 0 else ())
            if terms:
                session.loss_scale.scale(weighted(_total(terms), share)).backward()
            passes.add(attrs.evolve(view, decoded={}), terms, share)
        values |= passes.values
        view, model = passes.view(step.inputs), session.model
        ranks = session.runtime.ranks
        update_codebooks(model.quantizer, model.align, view.encoded, view.quantized, step.device_generator, ranks)
    return values


def with_earlier(earlier: Mapping[str, Tensor], last: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add the terms of earlier passes to the values of the last one and to its ``total``."""
    return {**earlier, **last, "total": last["total"] + _total(earlier)} if earlier else dict(last)


def _one_pass(session: Session, step: StepView, losses: tuple[str, ...]) -> tuple[StepView, dict[str, Tensor]]:
    """Return the records of a pass and the terms of some losses; without losses, records have no gradient."""
    model = session.model
    with session.runtime.autocast():
        with torch.set_grad_enabled(bool(losses)):
            encoded = model.encode(step.inputs)
            quantized = model.quantizer.quantize(encoded)
            decoded = model.decode(encoded, quantized) if losses else {}
        view = attrs.evolve(step, encoded=encoded, quantized=quantized, decoded=decoded)
        model.inner_steps(view)
        return view, model.terms(view, losses)


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
