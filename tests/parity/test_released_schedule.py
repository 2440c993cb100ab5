"""Learning rates of recipes/as-published, epoch by epoch, against the released schedule."""

from __future__ import annotations

import pytest
import torch
from assembled import RECIPES

from codaar_core import load
from codaar_core.engine.training.optimizer import set_learning_rate


def test_learning_rates(released_numbers):
    settings = load(RECIPES / "as-published" / "avt.toml").optimizer
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=settings.lr)
    for epoch, expected in enumerate(released_numbers("lr_schedule")["lr"].tolist()):
        set_learning_rate(optimizer, settings, epoch)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-15)
