"""Groups of parameters that are clipped together."""

from __future__ import annotations

from collections import Counter

import pytest
from torch import nn

from codaar_core.engine.model import Model


class Part(nn.Linear):
    """Stands for any component."""

    optimizer = None

    def __init__(self, width: int) -> None:
        super().__init__(width, width)


class Whole(nn.Module):
    """An encoder with a part that is clipped by itself."""

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


def test_parts_that_want_it_are_apart(model):
    groups = [{parameter.shape[0] for parameter in group} for group in model.clip_groups()]
    assert groups == [{2, 3, 4}, {2}, {3}, {5}, {6}]
