"""The optimizer of the model: its parameters, learning rate schedule and gradient clipping."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from codaar_core.engine.assembly.model import Model
from codaar_core.recipe.plan import BenchmarkPlan
from codaar_core.recipe.settings import OptimizerSettings


def make_optimizer(model: Model, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Make the fused optimizer of all trained parameters except those that a loss trains with its own optimizer."""
    parameters = [parameter for group in model.clip_groups() for parameter in group]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.use]
    betas = (settings.betas[0], settings.betas[1])
    return kind(parameters, lr=settings.lr, betas=betas, weight_decay=settings.weight_decay, fused=True)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, settings: OptimizerSettings | BenchmarkPlan, epoch: int
) -> None:
    """Set the learning rate of an epoch (from 0): ``lr`` times ``gamma`` for each milestone reached."""
    rate = settings.lr * settings.gamma ** sum(epoch >= milestone for milestone in settings.milestones)
    for group in optimizer.param_groups:
        group["lr"] = rate


def learning_rate(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return the current learning rate as a value to log."""
    return {"lr": float(optimizer.param_groups[0]["lr"])}


def clip_gradients(model: Model, limit: float) -> Tensor:
    """Clip the gradient norm of each clip group separately, as the released code does.

    Args:
        model: Model with gradients.
        limit: Maximum norm of a group; 0 turns clipping off.

    Returns:
        The scalar norm of all gradients before clipping.
    """
    norms = [torch.nn.utils.clip_grad_norm_(group, limit or math.inf) for group in model.clip_groups() if group]
    return torch.stack(norms).norm()
