"""Labels of codes: the class of each time step, where the targets of a benchmark give exactly one."""

from __future__ import annotations

import torch
from torch import Tensor

UNLABELLED = -1


def step_labels(target: Tensor, classes: int, steps: int) -> Tensor | None:
    """Return the class of each time step.

    Class indices count as they are; of multi-hot targets, the entries with exactly one positive class count. The label
    of a clip is the label of each of its steps.

    Args:
        target: Targets of N clips: class indices (N,) or (N, T), or multi-hot (N, classes) or (N, T, classes).
        classes: Number of classes.
        steps: Number of time steps T of the codes.

    Returns:
        Class indices (N, T), ``UNLABELLED`` where there is no class or more than one; None if the targets have another
        form, or if no entry has exactly one class.
    """
    labels = _class_indices(target, classes)
    if labels is None or not bool((labels != UNLABELLED).any()):
        return None
    if labels.dim() == 1:
        return labels.unsqueeze(1).expand(-1, steps)
    return labels if labels.shape[1] == steps else None


def labels_are_of_clips(target: Tensor, classes: int) -> bool:
    """Whether targets have one label for a whole clip, not one for each time step."""
    labels = _class_indices(target, classes)
    return labels is not None and labels.dim() == 1


def _class_indices(target: Tensor, classes: int) -> Tensor | None:
    if classes < 2:  # with a single class every index has the same label
        return None
    if _is_multi_hot(target, classes):
        positive = target > 0.5
        return positive.long().argmax(-1).masked_fill(positive.sum(-1) != 1, UNLABELLED)
    if target.dim() > 2 or target.is_floating_point() or target.dtype == torch.bool:
        return None
    return target.long().masked_fill((target < 0) | (target >= classes), UNLABELLED)


def _is_multi_hot(target: Tensor, classes: int) -> bool:
    if target.dim() not in (2, 3) or target.shape[-1] != classes:
        return False
    return target.dim() == 3 or target.is_floating_point() or target.dtype == torch.bool
