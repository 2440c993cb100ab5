"""Checks of decoders, in addition to those of every module."""

from __future__ import annotations

import torch
from torch import Tensor

from codaar_core.testing.check import check, expect
from codaar_core.testing.environment import toys
from codaar_core.testing.subjects import DecoderSubject


@check("decoder")
def shape(subject: DecoderSubject) -> None:
    """Its reconstruction has the shape (clips, steps, *output)."""
    for clips, steps in subject.sizes():
        reconstruction = subject.sample(*subject.inputs(clips, steps))
        expected = (clips, steps, *subject.context.output.shape)
        got = tuple(reconstruction.shape) if isinstance(reconstruction, Tensor) else type(reconstruction).__name__
        expect(
            got == expected,
            f"{subject.title} should give a tensor {expected}, it gives {got}",
            "make the output as wide as context.output",
        )


@check("decoder")
def private_only(subject: DecoderSubject) -> None:
    """Of the encoder's output it reads only the private features: reading latents would bypass the codebook."""
    encoded, quantized = subject.inputs()
    nothing = toys.transform(encoded, lambda tensor: torch.nan * tensor)
    hidden = nothing._replace(private=encoded.private, mask=encoded.mask)
    module = subject.build().eval()
    expect(
        torch.equal(module(encoded, quantized), module(hidden, quantized)),
        f"{subject.title} reads encoded.semantic or encoded.target",
        "read quantized.full and encoded.private only",
    )
