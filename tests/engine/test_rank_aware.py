"""``RankAware`` modules get the ranks, wherever in the model they are."""

from __future__ import annotations

import pytest
from torch import nn

from codaar_core.api import RankAware
from codaar_core.engine.assembly.model import Model


class Counter(nn.Module):
    """Records the ranks that it was given."""

    optimizer = None
    ranks = None

    def join(self, ranks: object) -> None:
        self.ranks = ranks


class Around(nn.Module):
    """Contains a rank-aware module."""

    optimizer = None

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(1, 1), Counter())


@pytest.mark.parametrize("place", ["encoder", "quantizer", "decoder", "loss"])
def test_nested_rank_aware_module_gets_the_ranks(place: str) -> None:
    parts = {name: Around() if name == place else nn.Identity() for name in ("encoder", "quantizer", "decoder")}
    loss = Around() if place == "loss" else nn.Identity()
    loss.optimizer = None
    model = Model(parts["quantizer"], {"a": parts["encoder"]}, {"a": parts["decoder"]}, {"l": loss}, {"l": 1.0}, ())
    ranks = object()
    model.join(ranks)
    inside = [module for module in model.modules() if isinstance(module, Counter)]
    assert [module.ranks for module in inside] == [ranks]


def test_batch_normalisation_of_torch_is_not_rank_aware() -> None:
    assert isinstance(Counter(), RankAware) and not isinstance(nn.BatchNorm2d(1), RankAware)
