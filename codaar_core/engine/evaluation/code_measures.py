"""Measures on codes, as functions of index counts: do equal indices mean the same in all modalities?

They need no head. All are computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.engine.evaluation.code_labels import UNLABELLED

MOST_COMPARED = 4096  # codewords whose distances to each other are measured: their pairs take a second
ROWS = 1024  # codewords whose distances to all others are computed at once: bounds memory

Measures = dict[tuple[str, ...], float | None]
"""By ("consensus", M, N) and ("information", M) or ("information", M, N); None where undefined."""


def usage(indices: Tensor, real: Tensor, size: int) -> Tensor:
    """Count how often each codeword is used: (K,) float64 from indices (N, T) at the steps that are ``real``."""
    return torch.bincount(indices[real], minlength=size).double()


def perplexity(counts: Tensor) -> float | None:
    """Return the exponential of the entropy of codeword frequencies, from 1 to K; None without any use."""
    total = counts.sum()
    return math.exp(float(torch.special.entr(counts / total).sum())) if total > 0 else None


def agreement(one: Tensor, other: Tensor, both: Tensor) -> float | None:
    """Return the share of the steps present in ``both`` at which two modalities have equal indices (N, T)."""
    return float((one == other)[both].double().mean()) if bool(both.any()) else None


def agreement_by_chance(one: Tensor, other: Tensor) -> float | None:
    """Return the probability of equal indices in independent draws from two usage counts (K,)."""
    total = one.sum() * other.sum()
    return float((one * other).sum() / total) if total > 0 else None


def joint_counts(indices: Tensor, labels: Tensor, real: Tensor, size: int) -> Tensor:
    """Count how often each index occurs with each label: (K, classes up to the largest label), float64."""
    counted = real & (labels != UNLABELLED)
    classes = max(1, int(labels.max()) + 1)
    flat = indices[counted] * classes + labels[counted]
    return torch.bincount(flat, minlength=size * classes).view(size, classes).double()


def shared_indices(one: Tensor, other: Tensor) -> int:
    """Return the number of indices that occur in both joint counts (K, classes)."""
    return int(((one.sum(1) > 0) & (other.sum(1) > 0)).sum())


def consensus(one: Tensor, other: Tensor) -> float | None:
    """Return the share of the indices used by two modalities that have the same majority label in both.

    Of equally frequent labels the first class is the majority label.

    Args:
        one: Joint counts (K, classes) of index and label.
        other: The same of the other modality; may have another number of classes.

    Returns:
        A number from 0 to 1; None if no index is used by both.
    """
    used = (one.sum(1) > 0) & (other.sum(1) > 0)
    return float((one.argmax(1) == other.argmax(1))[used].double().mean()) if bool(used.any()) else None


def normalised_information(joint: Tensor) -> float | None:
    """Return the mutual information of index and label, divided by the mean of their entropies.

    Args:
        joint: Joint counts (K, classes).

    Returns:
        A number from 0 to 1; None if there is nothing counted, or only one index with one label.
    """
    total = joint.sum()
    if total == 0:
        return None
    shares = joint / total
    index, label, both = (float(torch.special.entr(each).sum()) for each in (shares.sum(1), shares.sum(0), shares))
    mean = (index + label) / 2
    return min(1.0, max(0.0, index + label - both) / mean) if mean > 0 else None


def table_accuracy(table: Tensor, indices: Tensor, labels: Tensor, real: Tensor, whole_clips: bool) -> float | None:
    """Return the accuracy of the prediction that reads the class of each index from a table: its majority label.

    An index without a label in the table gets the class that is most frequent in it. Of a whole clip, the class
    predicted at most of its steps counts; of equally frequent ones the first.

    Args:
        table: Joint counts (K, classes) of index and label, e.g. of training clips.
        indices: Indices (N, T) of the clips to predict.
        labels: Their classes (N, T), ``UNLABELLED`` where there is none.
        real: True where a time step is real (N, T).
        whole_clips: Whether all steps of a clip have its label, and clips are counted instead of steps.

    Returns:
        A number from 0 to 1; None if there is nothing labelled in the table, or nothing to predict.
    """
    counted = real & (labels != UNLABELLED)
    if table.sum() == 0 or not bool(counted.any()):
        return None
    classes = table.argmax(1).where(table.sum(1) > 0, table.sum(0).argmax())
    predicted = classes[indices]
    if not whole_clips:
        return float((predicted == labels)[counted].double().mean())
    votes = (F.one_hot(predicted, table.shape[1]) * counted[..., None]).sum(1)
    clips = counted.any(1)
    return float((votes.argmax(1) == labels.amax(1))[clips].double().mean())


def label_measures(joints: Mapping[str, Tensor]) -> Measures:
    """Compute consensus and normalised information of every modality and pair from joint counts (K, classes)."""
    measures: Measures = {("information", m): normalised_information(joint) for m, joint in joints.items()}
    for m, n in combinations(joints, 2):
        measures["consensus", m, n] = consensus(joints[m], joints[n])
        measures["information", m, n] = normalised_information(_sum(joints[m], joints[n]))
    return measures


def _sum(one: Tensor, other: Tensor) -> Tensor:
    classes = max(one.shape[1], other.shape[1])
    return F.pad(one, (0, classes - one.shape[1])) + F.pad(other, (0, classes - other.shape[1]))


def distances(one: Tensor, other: Tensor) -> tuple[float, float | None]:
    """Return mean Euclidean distances between two codebooks (K, D).

    Returns:
        The mean over k of ``|one_k - other_k|``, and the mean over k != l of ``|one_k - other_l|``; the second is None
        if K is 1, and that of ``MOST_COMPARED`` evenly spaced k and l if K is larger.
    """
    one, other = one.detach().cpu().double().flatten(1), other.detach().cpu().double().flatten(1)
    same = float((one - other).norm(dim=1).mean())
    if len(one) > MOST_COMPARED:
        rows = torch.arange(MOST_COMPARED) * len(one) // MOST_COMPARED
        one, other = one[rows], other[rows]
    every = math.fsum(
        float(torch.cdist(block, other, compute_mode="donot_use_mm_for_euclid_dist").sum()) for block in one.split(ROWS)
    )
    size, at_same = len(one), float((one - other).norm(dim=1).sum())
    return same, (every - at_same) / (size * (size - 1)) if size > 1 else None
