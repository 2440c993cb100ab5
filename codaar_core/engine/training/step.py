"""One training step on the device: every operation from features to changed weights and codebooks, in order."""

from __future__ import annotations

from typing import NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api import StepView
from codaar_core.engine.devices.gradient_average import GradientAverage
from codaar_core.engine.training.codebook_update import own_codeword_counts, update_codebooks
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard
from codaar_core.engine.training.optimizer import clip_gradients
from codaar_core.engine.training.passes.earlier_passes import earlier_passes, losses_of_passes, with_earlier
from codaar_core.engine.training.passes.micro_batches import StepSum, micro_batches, weighted
from codaar_core.engine.training.session import Session


class StepResult(NamedTuple):
    """What a step leaves behind, on the device.

    Attributes:
        view: Records of all clips, without reconstructions and without the graph of their gradients.
        values: Loss terms, ``total`` and ``grad_norm``: scalars, equal on all ranks.
        counts: How often codewords were selected, over all ranks: (K,) by modality.
        signal: The highest number of a signal that any of several processes had received, or 0.
    """

    view: StepView
    values: dict[str, Tensor]
    counts: dict[str, Tensor]
    signal: int


class TrainingStep:
    """Takes training steps; none of its operations waits for the device.

    Args:
        session: The run; its model and loss scale are changed.
        optimizer: Optimizer of the model.
        guard: Undoes a step that is not finite.
    """

    def __init__(self, session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard) -> None:
        self.session, self.optimizer, self.guard = session, optimizer, guard
        self.losses = losses_of_passes(session.plan)
        self.gradients = GradientAverage(session.model, session.runtime.ranks)

    def __call__(self, start: StepView) -> StepResult:
        """Take one step.

        Args:
            start: Features, number and generators of the step, without other records.
        """
        session, guard = self.session, self.guard
        plan, model, runtime, ranks = session.plan, session.model, session.runtime, session.runtime.ranks
        guard.save()
        earlier = earlier_passes(session, start, self.losses.first)
        passes = StepSum()
        for inputs, share in micro_batches(start.inputs, plan.accumulate):
            with runtime.autocast():
                encoded = model.encode(inputs)
                quantized = model.quantizer.quantize(encoded)
                decoded = model.decode(encoded, quantized)
                view = attrs.evolve(start, inputs=inputs, encoded=encoded, quantized=quantized, decoded=decoded)
                if plan.run.updates_per_step == 1:  # otherwise earlier passes have made the inner steps
                    model.inner_steps(view)
                terms = model.terms(view, self.losses.last)
                total = torch.stack(list(terms.values())).sum()

            view = attrs.evolve(view, decoded={})
            del decoded  # frees the reconstructions before the gradient is computed
            with self.gradients.sent_when_ready():
                session.loss_scale.scale(weighted(total, share)).backward()
            passes.add(view, {**terms, "total": total}, share)
            del encoded, quantized, view, terms, total  # frees memory for the next pass

        view = passes.view(start.inputs)
        counts = own_codeword_counts(view.quantized, model.quantizer.size)
        signal = session.interruption.by
        values, counts, signal = self.gradients.finish(with_earlier(earlier, passes.values), counts, signal)
        session.loss_scale.unscale(model.parameters())
        norm, skipped = session.loss_scale.update(clip_gradients(model, plan.optimizer.clip))
        values["grad_norm"] = norm  # equal on all ranks: it is that of the averaged gradients
        guard.check(values, skipped)
        self.optimizer.step()
        self.optimizer.zero_grad()
        update_codebooks(model.quantizer, model.align, view.encoded, view.quantized, start.device_generator, ranks)
        guard.end_step()
        return StepResult(view, values, counts, signal)
