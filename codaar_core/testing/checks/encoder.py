"""Checks of encoders, in addition to those of every module."""

from __future__ import annotations

import torch
from torch import Tensor

from codaar_core.api import Encoded, Space
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.subjects import EncoderSubject


@check("encoder")
def record(subject: EncoderSubject) -> None:
    """It gives an Encoded whose shapes are those of the declared spaces: decoders are built from these."""
    for clips, steps in subject.sizes():
        encoded = _encoded(subject, clips, steps)
        expect(
            isinstance(encoded, Encoded),
            f"{subject.title} gives a {type(encoded).__name__}, not an Encoded",
            "return Encoded(semantic, private, mask)",
        )
        spaces = {
            "semantic": subject.context.latent,
            "private": subject.sample.private,
            "target": subject.sample.target,
        }
        for name, space in spaces.items():
            _check_shape(subject, name, getattr(encoded, name), space, (clips, steps))


def _encoded(subject: EncoderSubject, clips: int, steps: int) -> object:
    features = subject.inputs(clips, steps)
    try:
        return subject.sample(features)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise Violation(
            f"{subject.title} was built for features {subject.context.input.shape}, but cannot encode "
            f"{tuple(features.values.shape)}: {error}",
            "raise ComponentError in __init__ for features that it cannot encode",
        ) from error


def _check_shape(
    subject: EncoderSubject, name: str, value: Tensor | None, space: Space | None, size: tuple[int, int]
) -> None:
    expected = None if space is None else (*size, *space.shape)
    got = None if value is None else tuple(value.shape)
    expect(
        got == expected,
        f"{subject.title}: {name} should be {expected or 'None'} (clips, steps, *shape), it is {got or 'None'}",
        _remedy(name, kept=got is not None and got[:2] == size),
    )


def _remedy(name: str, kept: bool) -> str:
    if not kept:
        return "keep the clips and time steps of features.values as the first two axes"
    return "make the output as wide as context.latent" if name == "semantic" else f"declare its Space: def {name}(self)"


@check("encoder")
def mask_passed_on(subject: EncoderSubject) -> None:
    """The mask of the features becomes that of the latents: quantizer, losses and decoders need it."""
    for masked in (True, False):
        features = subject.inputs(masked=masked)
        given, mask = features.mask, subject.sample(features).mask
        expect(
            mask is given or (mask is not None and given is not None and torch.equal(mask, given)),
            f"{subject.title} loses the mask",
            "return Encoded(..., mask=features.mask)",
        )


@check("encoder")
def semantic_only(subject: EncoderSubject) -> None:
    """Its latents are the same without private features: codes of training and of `codaar encode` agree."""
    subject.sample.eval()
    for masked in (False, True):
        features = subject.inputs(masked=masked)
        whole, alone = subject.sample(features), subject.sample.semantic_only(features)
        expect(
            torch.equal(whole.semantic, alone.semantic) and alone.private is None and alone.target is None,
            f"{subject.title}: semantic_only() does not give the latents of forward() alone",
            "compute semantic in one method, and call it from both",
        )
