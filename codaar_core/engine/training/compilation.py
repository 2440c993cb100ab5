"""Compiles encoders and decoders with torch.compile."""

from __future__ import annotations

import warnings

import torch

from codaar_core.engine.assembly.model import Model


def compile_parts(model: Model, device: torch.device) -> None:
    """Compile encoders and decoders in place; where torch cannot compile, warn and leave them uncompiled."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(1, device=device))
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(f"device.compile is on, but torch cannot compile here, so nothing is: {reason}", stacklevel=2)
        return
    for part in (*model.encoders.values(), *model.decoders.values()):
        part.compile()
