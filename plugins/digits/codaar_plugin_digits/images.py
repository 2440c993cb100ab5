"""Handwritten digits: the pools of scikit-learn's ``load_digits``, and the front end from an image to a 7 x 7 map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_plugin_digits.timelines import BACKGROUND, takes

TRAIN, TEST = 116, 58  # images of each digit; the rarest digit has 174
VALIDATION = 29  # of those to train on, where validation is asked for
SIDE = 8  # pixels
PATCH = 4  # pixels
CELLS = SIDE + 2 - PATCH + 1  # patches along a side, a border of one pixel added
NOISE, BACKGROUND_NOISE = 0.1, 0.5  # the most a pixel's noise may deviate, where black is 0 and ink 1


class Images(NamedTuple):
    """Two disjoint pools, and the place of each image in ``load_digits``."""

    train: np.ndarray  # (10, N, 8, 8) float32 in 0..1
    test: np.ndarray  # (10, M, 8, 8)
    train_index: np.ndarray  # (10, N)
    test_index: np.ndarray  # (10, M)


def load_images(random: np.random.Generator, validation: bool = False) -> Images:
    """Split the images of each digit into two pools of TRAIN and TEST; for validation, split the TRAIN images again."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images / 16).astype(np.float32)
    index = np.stack([random.permutation(np.flatnonzero(data.target == digit))[: TRAIN + TEST] for digit in range(10)])
    train, test = index[:, :TRAIN], index[:, TRAIN:]
    if validation:
        train, test = train[:, VALIDATION:], train[:, :VALIDATION]
    return Images(pixels[train], pixels[test], train, test)


def pictures(images: np.ndarray, events: np.ndarray, random: np.random.Generator) -> Tensor:
    """Pictures of events (clips, T): one of the images (10, N, 8, 8) of each digit, or none, with noise."""
    shown = np.concatenate([images, np.zeros_like(images[:1])])[events, takes(random, len(events), images.shape[1])]
    level = random.random(events.shape) * np.where(events == BACKGROUND, BACKGROUND_NOISE, NOISE)
    noise = np.abs(random.standard_normal(shown.shape, np.float32)) * level[..., None, None]
    return torch.from_numpy(np.clip(shown + noise, 0, 1).astype(np.float32))


class PatchMap:
    """Distances of patches to a dictionary: the triangle features of Coates and Ng, a map of C channels per image.

    Args:
        images: Training images (N, 8, 8) for dictionary and scale.
        channels: Patches C in the dictionary.
        random: Draws the first dictionary.
    """

    def __init__(self, images: Tensor, channels: int, random: np.random.Generator) -> None:
        self.dictionary = cluster(patches(images).reshape(-1, PATCH * PATCH), channels, random)
        self.scale = 1.0
        self.scale = 1 / float(self(images).square().mean().sqrt())  # maps have a mean square of one

    def __call__(self, images: Tensor) -> Tensor:
        """Turn images (..., 8, 8) into maps (..., 7, 7, C): mean distance to all entries minus that to each."""
        points = patches(images).flatten(0, -2)
        # without matrix products, whose rounding depends on the other images of the batch
        distance = torch.cdist(points, self.dictionary, compute_mode="donot_use_mm_for_euclid_dist")
        near = F.relu(distance.mean(-1, keepdim=True) - distance) * self.scale
        return near.reshape(*images.shape[:-2], CELLS, CELLS, -1)


def patches(images: Tensor) -> Tensor:
    """Cut (..., 8, 8) into its overlapping patches (..., 7, 7, 16), a border added."""
    return F.pad(images, (1, 1, 1, 1)).unfold(-2, PATCH, 1).unfold(-2, PATCH, 1).flatten(-2)


def cluster(points: Tensor, count: int, random: np.random.Generator, rounds: int = 10) -> Tensor:
    """Give ``count`` centres (C, P) of points (N, P): Lloyd's k-means from distinct points."""
    distinct = torch.unique(points, dim=0)
    centres = distinct[torch.from_numpy(random.permutation(len(distinct))[:count])]
    for _ in range(rounds):
        nearest = torch.cdist(points, centres).argmin(1)
        members = torch.bincount(nearest, minlength=count).unsqueeze(1)
        total = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(members > 0, total / members.clamp(min=1), centres)
    return centres
