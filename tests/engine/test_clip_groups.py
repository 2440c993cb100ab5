"""Groups of parameters whose gradient norms are clipped together."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from codaar_core.engine.assembly.model import Model


class Part(nn.Linear):
    """A component with two parameters."""

    optimizer = None

    def __init__(self, width: int) -> None:
        super().__init__(width, width)


class Whole(nn.Module):
    """An encoder with a part that is clipped separately."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.front, self.back = Part(width), Part(width)

    @property
    def clipped_apart(self):
        return (self.front,)


@pytest.fixture
def model() -> Model:
    encoders = {"one": Whole(2), "other": Whole(3)}
    return Model(Part(4), encoders, {"one": Part(5)}, {"loss": Part(6)}, {"loss": 1.0}, ())


def test_every_parameter_is_in_one_group(model):
    grouped = Counter(id(parameter) for group in model.clip_groups() for parameter in group)
    assert grouped == Counter(id(parameter) for parameter in model.parameters())


def test_clipped_apart_parts_are_groups_of_their_own(model):
    groups = [{parameter.shape[0] for parameter in group} for group in model.clip_groups()]
    assert groups == [{2, 3, 4}, {2}, {3}, {5}, {6}]


def test_parameters_of_loss_optimizers_are_in_no_group():
    loss = Whole(6)
    loss.optimizer = torch.optim.SGD(loss.front.parameters(), lr=0.1)
    model = Model(Part(4), {"one": Whole(2)}, {}, {"loss": loss}, {"loss": 1.0}, ())
    grouped = {parameter for group in model.clip_groups() for parameter in group}
    assert set(model.parameters()) - grouped == set(loss.front.parameters())


def test_inner_step_of_every_loss_is_called():
    called = []
    losses = {name: Part(2) for name in ("estimating", "remembering")}
    for name, loss in losses.items():
        loss.inner_step = lambda view, name=name: called.append((name, view))
    Model(Part(4), {}, {}, losses, dict.fromkeys(losses, 1.0), ()).inner_steps("view")
    assert called == [("estimating", "view"), ("remembering", "view")]
