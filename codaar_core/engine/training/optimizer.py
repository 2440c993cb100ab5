"""The optimizer of the model: its parameters, schedule of the learning rate and gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from codaar_core.engine.assembly.model import Model
from codaar_core.engine.assembly.parameter_groups import REST, parameter_groups
from codaar_core.recipe.plan import BenchmarkPlan, Plan
from codaar_core.recipe.settings import GroupSettings, OptimizerSettings, WeightSchedule
from codaar_core.recipe.toml.duration import duration_steps

NAME, FULL_RATE = "codaar_name", "codaar_lr"
"""Keys of torch's parameter groups: the name of a group, and its learning rate before schedule and warm-up."""

NORM_FLOOR = 1e-6  # added to a norm that divides, as in torch.nn.utils.clip_grad_norm_


def make_optimizer(model: Model, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Make the fused optimizer of all trained parameters except those that a loss trains with its own optimizer.

    Its first parameter group has the parameters that are in none of ``settings.groups``, which follow in order.
    """
    own = settings.groups or {}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.use]
    betas = (settings.betas[0], settings.betas[1])
    groups = [
        {"params": parameters, NAME: name, **_own_settings(settings, own.get(name))}
        for name, parameters in parameter_groups(model, own).items()
    ]
    return kind(groups, lr=settings.lr, betas=betas, weight_decay=settings.weight_decay, fused=True)


def _own_settings(settings: OptimizerSettings, own: GroupSettings | None) -> dict[str, float]:
    lr = settings.lr if own is None or own.lr is None else own.lr
    decay = {} if own is None or own.weight_decay is None else {"weight_decay": own.weight_decay}
    return {FULL_RATE: lr, "lr": lr, **decay}


def set_learning_rate(optimizer: torch.optim.Optimizer, settings: BenchmarkPlan, epoch: int) -> None:
    """Set the learning rate of a head in an epoch (from 0): ``lr`` times ``gamma`` for each milestone reached."""
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * _milestone_factor(settings, epoch)


def schedule_learning_rate(
    optimizer: torch.optim.Optimizer, settings: OptimizerSettings, step: int, epoch_steps: int, epochs: int
) -> None:
    """Set the learning rate of a pretraining step, which depends on nothing else than the number of the step.

    Args:
        optimizer: The optimizer.
        settings: Learning rate, schedule and warm-up.
        step: Number of the step, from 0.
        epoch_steps: Steps of an epoch.
        epochs: Epochs of the whole pretraining.
    """
    factor = schedule_factor(settings, step, epoch_steps, epochs)
    for group in optimizer.param_groups:
        rate = group.get(FULL_RATE, settings.lr) * factor
        if isinstance(group["lr"], Tensor):  # a recorded step reads it on the device
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def schedule_factor(settings: OptimizerSettings, step: int, epoch_steps: int, epochs: int) -> float:
    """Return the learning rate of a step as a share of ``lr``; the arguments are those of ``schedule_learning_rate``.

    Step i (from 0) of a warm-up over w steps has the share (i + 1) / w. After it, cosine and linear schedules have
    (1 + cos(pi p)) / 2 and 1 - p, where p rises from 0 at step w to 1 at the end of the last step.
    """
    warmup = duration_steps(settings.warmup, epoch_steps)
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    progress = max(0.0, (step - warmup) / max(1, epoch_steps * epochs - warmup))
    match settings.schedule:
        case "cosine":
            return rise * (1 + math.cos(math.pi * progress)) / 2
        case "linear":
            return rise * (1 - progress)
        case "constant":
            return rise
        case _:
            return rise * _milestone_factor(settings, step // epoch_steps)


def _milestone_factor(settings: OptimizerSettings | BenchmarkPlan, epoch: int) -> float:
    return settings.gamma ** sum(epoch >= milestone for milestone in settings.milestones)


def scheduled_values(optimizer: torch.optim.Optimizer, plan: Plan, model: Model) -> dict[str, float]:
    """Return the scheduled values of the current step to log.

    These are the learning rate ``lr``, that of each group as ``lr.GROUP``, and each loss weight with a schedule as
    ``loss_weight.X``.
    """
    moving = [name for name, loss in plan.losses.items() if isinstance(loss.weight, WeightSchedule)]
    return {
        **{_rate_name(group): float(group["lr"]) for group in optimizer.param_groups},
        **{f"loss_weight.{name}": model.weights[name] for name in moving},
    }


def _rate_name(group: Mapping[str, Any]) -> str:
    name = group.get(NAME, REST)
    return "lr" if name == REST else f"lr.{name}"


def clip_gradients(model: Model, limit: float) -> Tensor:
    """Clip the gradient norm of each clip group separately, as the released code does.

    Args:
        model: Model with gradients.
        limit: Maximum norm of a group; 0 turns clipping off.

    Returns:
        The scalar norm of all gradients before clipping.
    """
    given = [[each.grad for each in group if each.grad is not None] for group in model.clip_groups()]
    groups = [gradients for gradients in given if gradients]
    norms = norms_of(groups)
    if limit:
        factors = (limit / (norms + NORM_FLOOR)).clamp(max=1)
        for group, factor in zip(groups, factors.unbind(), strict=True):
            torch._foreach_mul_(group, factor)
    return norms.norm()


def norms_of(groups: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the norm of each group of tensors, (groups,)."""
    of_tensors = torch.stack(torch._foreach_norm([each for group in groups for each in group]))
    return torch.stack([each.norm() for each in of_tensors.split([len(group) for group in groups])])
