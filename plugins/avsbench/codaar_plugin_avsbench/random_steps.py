"""The random map from ten steps to five through which the released code reads every clip of AVSBench."""

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
    """Features (T, F), repeated to ten steps, mixed over time by a linear layer as it is initialised: (5, F).

    Released as ``AT_10_5_Linear``: never trained, never saved, drawn anew by the test program. Here a seed makes it
    repeatable. For text the released layer stands behind the BiLSTM, which is a part of our encoder: here it mixes the
    word pieces themselves.
    """

    track: Track
    weight: np.ndarray = attrs.field(eq=False, repr=False)  # (5, 10)
    bias: np.ndarray = attrs.field(eq=False, repr=False)  # (5,)

    def read(self, clip: int) -> np.ndarray:
        """Read and mix one clip."""
        values = self.track.read(clip)
        return self.weight @ np.tile(values, (STEPS // len(values), 1)) + self.bias[:, None]

    def absent(self) -> list[Path]:
        """The files that are not there."""
        return self.track.absent()


def random_steps(track: Track, seed: int) -> RandomSteps:
    """Draw the map: the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(STEPS, FRAMES)
    return RandomSteps(track, layer.weight.detach().numpy(), layer.bias.detach().numpy())
