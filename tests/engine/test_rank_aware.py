"""Whatever takes statistics over ranks is given them by its method, wherever in the model it sits."""

from __future__ import annotations

import pytest
from torch import nn

from codaar_core.api import RankAware
from codaar_core.engine.assembly.model import Model


class Counter(nn.Module):
    """Says which ranks it was given."""

    optimizer = None
    ranks = None

    def join(self, ranks: object) -> None:
        self.ranks = ranks


class Around(nn.Module):
    """Holds another module."""

    optimizer = None

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(1, 1), Counter())


@pytest.mark.parametrize("place", ["encoder", "quantizer", "decoder", "loss"])
def test_a_module_with_the_method_is_joined(place: str) -> None:
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
