"""The random map from ten steps to five that the released code applies to every clip of AVSBench."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import torch
from torch import nn

from codaar_core.features import Track
from codaar_plugin_avsbench.s4_folder import FRAMES

STEPS = 10


@attrs.frozen
class RandomSteps:
    """Features (T, F), repeated to ten steps and mapped over time by an untrained linear layer: (5, F).

    ``AT_10_5_Linear`` of the released code is neither trained nor saved, and the test program draws a new one; here a
    seed makes it reproducible. For text the released layer follows the BiLSTM, which is part of our encoder; here it
    maps the word pieces.
    """

    track: Track
    weight: np.ndarray = attrs.field(eq=False, repr=False)  # (5, 10)
    bias: np.ndarray = attrs.field(eq=False, repr=False)  # (5,)

    def read(self, clip: int) -> np.ndarray:
        """Read and map one clip."""
        values = self.track.read(clip)
        return self.weight @ np.tile(values, (STEPS // len(values), 1)) + self.bias[:, None]

    def absent(self) -> list[Path]:
        """Files that do not exist."""
        return self.track.absent()


def random_steps(track: Track, seed: int) -> RandomSteps:
    """Draw the map; equal seeds give equal maps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(STEPS, FRAMES)
    return RandomSteps(track, layer.weight.detach().numpy(), layer.bias.detach().numpy())
