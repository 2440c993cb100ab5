"""Learning rates of recipes/as-published, epoch by epoch, against the released schedule."""

from __future__ import annotations

import pytest
import torch
from assembled import RECIPES

from codaar_core import load
from codaar_core.engine.training.optimizer import schedule_learning_rate


def test_learning_rates(released_numbers):
    settings = load(RECIPES / "as-published" / "avt.toml").optimizer
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=settings.lr)
    released = released_numbers("lr_schedule")["lr"].tolist()
    for epoch, expected in enumerate(released):
        schedule_learning_rate(optimizer, settings, step=epoch, epoch_steps=1, epochs=len(released))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-15)
