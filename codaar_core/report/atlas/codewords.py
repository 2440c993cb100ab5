"""What each codeword is used for: counts, labels, and the time steps nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from codaar_core.engine.evaluation.code_labels import UNLABELLED
from codaar_core.engine.evaluation.code_measures import joint_counts, perplexity
from codaar_core.report.atlas.codes import ClipCodes


class Step(NamedTuple):
    """A time step that a codeword stands for."""

    clip: int  # row of the codes
    step: int
    distance: float | None  # squared, of its latent to the codeword; None if unknown


class Use(NamedTuple):
    """How one modality uses the codewords.

    Attributes:
        counts: Number of time steps of each codeword (K,).
        joint: Number of time steps of each codeword and class (K, classes); None without labels.
        nearest: For each codeword, steps of different clips, the nearest first.
        levels: Codes of a time step.
    """

    counts: np.ndarray
    joint: np.ndarray | None
    nearest: list[list[Step]]
    levels: int = 1

    @property
    def used(self) -> int:
        """Number of codewords in use."""
        return int((self.counts > 0).sum())

    @property
    def perplexity(self) -> tuple[float | None, ...]:
        """Perplexity of the use of the codewords of each level, from 1 to their number."""
        return tuple(perplexity(each) for each in torch.from_numpy(self.counts).double().chunk(self.levels))


def use_of(codes: ClipCodes, labels: np.ndarray | None, classes: int, distances: np.ndarray | None, clips: int) -> Use:
    """Count and sort the time steps of one modality by codeword.

    Args:
        codes: The codes of N clips with T steps.
        labels: Classes (N, T), ``UNLABELLED`` where there is none; None without labels.
        classes: Number of classes.
        distances: Distances of latents to their codewords (N, T, Q); None if unknown: then the first clips are taken.
        clips: Most clips to give for each codeword.
    """
    counts = np.bincount(codes.indices[codes.real].reshape(-1), minlength=codes.size)
    joint = None if labels is None else _joint(codes, labels, classes)
    return Use(counts, joint, nearest_steps(codes, distances, clips), codes.levels)


def _joint(codes: ClipCodes, labels: np.ndarray, classes: int) -> np.ndarray:
    classed, real = torch.from_numpy(labels).long(), torch.from_numpy(codes.real)
    levels = torch.from_numpy(codes.indices).long().unbind(-1)
    found = torch.stack([joint_counts(level, classed, real, codes.size) for level in levels]).sum(0).long().numpy()
    return np.pad(found, ((0, 0), (0, max(0, classes - found.shape[1]))))


def nearest_steps(codes: ClipCodes, distances: np.ndarray | None, clips: int) -> list[list[Step]]:
    """For each codeword, the nearest step of each of the nearest ``clips`` clips."""
    rows, steps = (np.repeat(each, codes.levels) for each in np.nonzero(codes.real))
    index = codes.indices[codes.real].reshape(-1)
    far = np.zeros(len(rows), np.float32) if distances is None else distances[codes.real].reshape(-1)
    order = np.lexsort((steps, rows, far, index))
    rows, steps, index, far = rows[order], steps[order], index[order], far[order]
    clip_of_code = index.astype(np.int64) * len(codes.ids) + rows
    _, first = np.unique(clip_of_code, return_index=True)  # the nearest step of each clip
    first.sort()
    index = index[first]
    starts = np.searchsorted(index, np.arange(codes.size))
    place = np.arange(len(first)) - starts[index]
    found: list[list[Step]] = [[] for _ in range(codes.size)]
    for at in np.flatnonzero(place < clips):
        here = first[at]
        distance = None if distances is None or not np.isfinite(far[here]) else float(far[here])
        found[index[at]].append(Step(int(rows[here]), int(steps[here]), distance))
    return found


def by_use(uses: Mapping[str, Use]) -> list[int]:
    """The codewords in use, the most used first; equal ones by number."""
    total = np.sum([use.counts for use in uses.values()], axis=0)
    order = np.argsort(-total, kind="stable")
    return [int(code) for code in order if total[code] > 0]


def majority_labels(joint: np.ndarray) -> np.ndarray:
    """The most frequent class of each codeword (K,), the first of equal ones; ``UNLABELLED`` where none was counted."""
    return np.where(joint.sum(1) > 0, joint.argmax(1), UNLABELLED)
