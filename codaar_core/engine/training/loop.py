"""Pretraining, to be read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs
import torch
from torch import Tensor

from codaar_core.api import Batch, CodaarError, Features, Ranks, Split, StepView
from codaar_core.engine.devices.runtime import derive_seed, generator_of, to_numbers
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.checkpoint import Best, save_checkpoint, save_if_best
from codaar_core.engine.training.codebook_update import statistics, update_codebooks
from codaar_core.engine.training.compilation import compile_parts
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard
from codaar_core.engine.training.session import Session
from codaar_core.registry import did_you_mean


def pretrain(session: Session, split: Split, optimizer: torch.optim.Optimizer, done: int = 0) -> int:
    """Train the model on ``split`` from step ``done`` to the end; leaves a checkpoint after every epoch.

    Returns:
        The number of steps of the whole pretraining.

    Raises:
        CodaarError: A loss term is not finite; the state before that step is saved.
        Interrupted: A signal came in; the state after the last whole step is saved.
    """
    run, model, runtime = session.plan.run, session.model, session.runtime
    schedule = BatchSchedule.of(len(split), session.plan.batch)
    model.join(runtime.ranks)
    if session.plan.device.compile:
        compile_parts(model, runtime.device)
    guard = NonfiniteGuard(model, optimizer, model.own_optimizers())
    read = partial(own_clips, split, runtime.ranks)
    for epoch in range(done // schedule.steps, run.epochs):
        session.hook.codaar_epoch_start(epoch=epoch, epochs=run.epochs, steps=schedule.steps)
        set_learning_rate(optimizer, session.plan.optimizer, epoch)
        for (step, _), batch in runtime.batches(read, schedule.batches(run.seed, epoch, done), model.modalities):
            if by := runtime.agreed(session.interruption.by):
                raise interrupted(session, optimizer, guard, step, by)
            torch.manual_seed(derive_seed(run.seed, "step", step, runtime.ranks.rank))
            generator = generator_of(run.seed, "shared", step)
            guard.begin()

            with runtime.autocast():
                encoded = model.encode(batch.inputs)
                quantized = model.quantizer.quantize(encoded)
                decoded = model.decode(encoded, quantized)
                view = StepView(batch.inputs, encoded, quantized, decoded, epoch, step, generator, runtime.ranks)
                model.inner_steps(view)
                terms = model.terms(view)
                total = torch.stack(list(terms.values())).sum()

            view = attrs.evolve(view, decoded={})
            del decoded  # the gradient needs the room
            session.scale.up(total).backward()
            runtime.average_gradients(model.parameters())
            session.scale.down(model.parameters())
            norm, skipped = session.scale.judge(clip_gradients(session))
            values = runtime.averaged({**terms, "total": total, "grad_norm": norm})
            guard.judge(epoch, step, values, skipped)
            optimizer.step()
            optimizer.zero_grad()
            update_codebooks(model.quantizer, model.align, encoded, quantized, generator, runtime.ranks)
            guard.end()

            session.means.add(values, guard.failed)
            session.hook.codaar_step_end(epoch=epoch, step=step, view=view)
            if (step + 1) % run.log_every == 0:
                refuse_failure(session, optimizer, guard)
                values |= statistics(quantized, model.quantizer.size, runtime.ranks)
                session.hook.codaar_step_logged(epoch=epoch, step=step + 1, values=to_numbers(values))
            del batch, encoded, view, terms, total  # the next step needs their room
        refuse_failure(session, optimizer, guard)
        values = session.means.take() | to_numbers(statistics(quantized, model.quantizer.size, runtime.ranks))
        save(session, optimizer, step + 1)
        keep_best(session, optimizer, step + 1, values)
        session.hook.codaar_epoch_end(epoch=epoch, step=step + 1, values=values)
    return run.epochs * schedule.steps


@attrs.frozen
class BatchSchedule:
    """Which clips are read at which step: a new order every epoch, the same after a resume."""

    clips: int
    batch: int
    steps: int  # an epoch

    @classmethod
    def of(cls, clips: int, batch: int) -> BatchSchedule:
        """Cut ``clips`` into batches; the last one of an epoch may be smaller."""
        if clips == 0:
            raise CodaarError("the pretraining split is empty")
        return cls(clips, batch, math.ceil(clips / batch))

    def batches(self, seed: int, epoch: int, done: int) -> Iterator[tuple[int, list[int]]]:
        """Step numbers (from 0, over the whole run) and clip indices of an epoch, without the steps already done."""
        order = torch.randperm(self.clips, generator=generator_of(seed, "order", epoch)).tolist()
        for position in range(self.steps):
            step = epoch * self.steps + position
            if step >= done:
                yield step, order[position * self.batch : (position + 1) * self.batch]


def own_clips(split: Split, ranks: Ranks, place: tuple[int, Sequence[int]]) -> Batch:
    """Read this rank's clips of a step, a whole piece of its batch.

    Where there are fewer clips than ranks, a rank without any gets one whose steps are all masked: it counts nothing.
    """
    _, indices = place
    start, end = (len(indices) * rank // ranks.size for rank in (ranks.rank, ranks.rank + 1))
    if start < end:
        return split[indices[start:end]]
    batch = split[indices[:1]]
    masked = {
        m: Features(each.values, each.values.new_zeros(each.values.shape[:2], dtype=torch.bool))
        for m, each in batch.inputs.items()
    }
    return batch._replace(inputs=masked)


def make_optimizer(session: Session) -> torch.optim.Optimizer:
    """One optimizer for all parameters but those of losses that have their own."""
    settings = session.plan.optimizer
    parameters = [parameter for group in session.model.clip_groups() for parameter in group]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.use]
    betas, decay = tuple(settings.betas), settings.weight_decay
    return kind(parameters, lr=settings.lr, betas=betas, weight_decay=decay, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, settings: object, epoch: int) -> None:
    """Multiply the learning rate by gamma at each milestone; it follows from the epoch alone."""
    rate = settings.lr * settings.gamma ** sum(epoch >= milestone for milestone in settings.milestones)
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(session: Session) -> Tensor:
    """Clip each group of parts by itself, as the released code does; gives the norm of all before clipping."""
    limit = session.plan.optimizer.clip or math.inf
    norms = [torch.nn.utils.clip_grad_norm_(group, limit) for group in session.model.clip_groups() if group]
    return torch.stack(norms).norm()


def save(session: Session, optimizer: torch.optim.Optimizer, step: int) -> str:
    """Write a checkpoint and tell the hooks; gives its path."""
    folder = session.directory.checkpoints
    path = folder / f"step-{step}"
    if session.runtime.is_first:
        save_checkpoint(folder, step, session.model, optimizer, session.extra_state(), session.plan.run.keep)
        session.hook.codaar_checkpoint_saved(path=path, step=step)
    return str(path)


def keep_best(session: Session, optimizer: torch.optim.Optimizer, step: int, values: Mapping[str, float]) -> None:
    """Keep the state after the epoch in which the value that the recipe names was lowest.

    Raises:
        CodaarError: An epoch has no such value.
    """
    name = session.plan.run.best
    if name and name not in values:
        help = did_you_mean(name, values) or f"an epoch has {', '.join(values)}"
        raise CodaarError(f"run.best = {name!r} is no value of an epoch; the state is kept", help)
    if name and session.runtime.is_first:
        best = Best(name, values[name])
        save_if_best(session.directory.checkpoints, step, best, session.model, optimizer, session.extra_state())


def interrupted(
    session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard, done: int, by: int
) -> Interrupted:
    """Keep the state and say where; ``by`` is the signal."""
    refuse_failure(session, optimizer, guard)
    path = save(session, optimizer, done)
    message = f"interrupted after step {done}; the state is kept in {path}"
    return Interrupted(message, session.resume_command, by)


def refuse_failure(session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard) -> None:
    """End the run if a step has failed since this was last asked; the model is as it was before that step.

    Raises:
        CodaarError: Names the loss terms that are not finite.
    """
    failure = guard.failure()
    if failure is None:
        return
    epoch, step = int(failure.pop("epoch")), int(failure.pop("step"))
    path = save(session, optimizer, step)
    overall = {name: failure.pop(name) for name in ("total", "grad_norm")}
    bad = [f"losses.{name} is {value}" for name, value in failure.items() if not math.isfinite(value)]
    whole = "the gradient is not finite" if math.isfinite(overall["total"]) else "the sum of the losses overflows"
    raise CodaarError(
        f"{', '.join(bad) or whole} at step {step + 1} (epoch {epoch + 1}); "
        f"the state before that step is kept in {path}",
        "look for broken features in the data, or lower optimizer.lr or optimizer.clip",
    )
