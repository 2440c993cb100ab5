"""Ranks, RankAware"""

import torch
from torch import nn

from codaar_core.api import RankAware, Ranks
from codaar_core.api.ranks import SingleProcess


class Centre(nn.Module):
    """Subtracts the mean over the clips of all ranks."""

    ranks: Ranks = SingleProcess()

    def join(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def forward(self, vectors):
        total = self.ranks.sum(vectors.sum(dim=0))
        count = self.ranks.sum(vectors.new_tensor(len(vectors)))
        return vectors - total / count


module = Centre()
assert isinstance(module, RankAware)  # the training loop calls join once, before the first step
assert module(torch.tensor([[1.0], [3.0]])).tolist() == [[-1], [1]]
