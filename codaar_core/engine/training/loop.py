"""The pretraining loop: what happens before, between and after training steps, in order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import torch

from codaar_core.api import Split, StepView
from codaar_core.engine.devices.runtime import derive_seed, to_numbers
from codaar_core.engine.training.acceleration.compilation import compile_parts
from codaar_core.engine.training.acceleration.cuda_graph import step_of
from codaar_core.engine.training.batches import BatchSchedule, Share, own_clips, ranks_of_batch
from codaar_core.engine.training.codebook_update import statistics
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard
from codaar_core.engine.training.optimizer import schedule_learning_rate, scheduled_values
from codaar_core.engine.training.passes.held_out import held_out_values, out_of_patience
from codaar_core.engine.training.saving import commit_epoch, refuse_failure, save_and_interrupt
from codaar_core.engine.training.session import Session


def pretrain(
    session: Session,
    split: Split,
    optimizer: torch.optim.Optimizer,
    done: int = 0,
    held_out: Split | None = None,
    between_epochs: Callable[[int, int], None] = lambda epoch, step: None,
) -> int:
    """Train the model on ``split`` from step ``done`` to the last epoch, with a checkpoint after every epoch.

    Args:
        session: The run; its model and training state are changed.
        split: The clips to train on.
        optimizer: Optimizer of the model, restored if the run is resumed.
        done: Steps already done.
        held_out: Clips on which losses are computed after every epoch; None: none.
        between_epochs: Called before each epoch with the numbers of finished epochs and steps, which are saved already.

    Returns:
        The number of steps of the whole pretraining, which is shorter if ``run.patience`` ends it.

    Raises:
        CodaarError: A loss term or gradient is not finite; the state before that step is saved.
        Interrupted: A signal was received; the state after the last completed step is saved.
    """
    plan, model, runtime, ranks = session.plan, session.model, session.runtime, session.runtime.ranks
    schedule = BatchSchedule.of(len(split), plan.batch)
    model.join(ranks)
    if plan.device.compile:
        compile_parts(model, runtime.device)
    guard = NonfiniteGuard(model, optimizer, model.loss_optimizers())
    take_step = step_of(session, optimizer, guard)
    read = partial(own_clips, split, Share(ranks.rank, ranks.size))
    signal_of_ranks = 0  # that any of several processes had received in the step before
    for epoch in range(done // schedule.steps, plan.run.epochs):
        if out_of_patience(session.finished_epochs.rows, plan.run.best, plan.run.patience):
            warnings.warn(f"pretraining ends after epoch {epoch}: run.patience = {plan.run.patience}", stacklevel=2)
            return epoch * schedule.steps
        if done <= epoch * schedule.steps:  # otherwise the run is resumed within this epoch
            between_epochs(epoch, epoch * schedule.steps)
        session.hook.codaar_epoch_start(epoch=epoch, epochs=plan.run.epochs, steps=schedule.steps)
        steps = schedule.batches(plan.run.seed, epoch, done)
        for (step, clips), batch in runtime.batches(read, steps, model.modalities, split.reads_files):
            if signal := session.interruption.by if ranks.size == 1 else signal_of_ranks:
                save_and_interrupt(session, optimizer, guard, step, signal)
            torch.manual_seed(derive_seed(plan.run.seed, "step", step, ranks.rank))
            host, device = runtime.shared_generators(derive_seed(plan.run.seed, "shared", step))
            guard.begin_step(epoch, step)
            schedule_learning_rate(optimizer, plan.optimizer, step, schedule.steps, plan.run.epochs)
            model.weights = {name: loss.weight_at(step, schedule.steps) for name, loss in plan.losses.items()}
            start = StepView(batch.inputs, {}, {}, {}, epoch, step, host, ranks_of_batch(ranks, len(clips)), device)

            view, values, counts, signal_of_ranks = take_step(start)

            session.epoch_means.add(values, guard.failed)
            session.epoch_usage.add(counts, guard.failed)
            session.hook.codaar_step_end(epoch=epoch, step=step, view=view)
            if (step + 1) % plan.run.log_every == 0:
                refuse_failure(session, optimizer, guard)
                numbers = to_numbers(values | statistics(view.quantized, model.quantizer.size, ranks))
                session.hook.codaar_step_logged(
                    epoch=epoch, step=step + 1, values=numbers | scheduled_values(optimizer, plan, model)
                )
            last_codes = view.quantized
            del batch, start, view  # frees memory for the next step

        refuse_failure(session, optimizer, guard)
        means = session.epoch_means.finish_epoch() | to_numbers(statistics(last_codes, model.quantizer.size, ranks))
        means |= session.epoch_usage.finish_epoch(model.quantizer.levels) | scheduled_values(optimizer, plan, model)
        if held_out is not None:
            means |= held_out_values(session, held_out, epoch, step)
        commit_epoch(session, optimizer, epoch, step + 1, means)
        session.hook.codaar_epoch_end(epoch=epoch, step=step + 1, values=means)
    return plan.run.epochs * schedule.steps
