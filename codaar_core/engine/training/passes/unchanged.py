"""Uses a model under training without any effect on the training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from codaar_core.engine.assembly.model import Model


@contextmanager
def unchanged(model: Model, device: torch.device) -> Iterator[None]:
    """Put the model into evaluation mode, and restore what its use may change afterwards.

    These are modes, buffers, which parameters are trained, and torch's random state. Parameters keep their values as
    long as nobody trains them: whoever trains something else sets ``requires_grad`` to False.

    Args:
        model: The model.
        device: Its device, whose random state is restored too.
    """
    modes = [(module, module.training) for module in model.modules()]
    trained = [(each, each.requires_grad) for each in model.parameters()]
    tensors = [(each, each.detach().clone()) for each in model.buffers()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        try:
            model.eval()
            yield
        finally:
            for module, training in modes:
                module.training = training
            for parameter, requires_grad in trained:
                parameter.requires_grad_(requires_grad)
            with torch.no_grad():
                for each, saved in tensors:
                    each.copy_(saved)
