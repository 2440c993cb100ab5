"""Checks of task heads, in addition to those of every module."""

from __future__ import annotations

import inspect

import torch

from codaar_core.testing.check import check, expect
from codaar_core.testing.checks.module import close, is_trained
from codaar_core.testing.environment import toys
from codaar_core.testing.subjects import HeadInputs, HeadSubject

TRAINING = 30  # steps
RATE = 1e-2
FALL = 0.9  # of the first loss


def separable(subject: HeadSubject) -> HeadInputs:
    """Codes from which the class of each clip, ``subject.label``, follows."""
    inputs, generator = subject.inputs(), subject.generator()
    codes = inputs.codes
    full, own = (
        torch.randn(len(toys.CLASSES), 1, code.shape[-1], generator=generator)[subject.label] + 0.1 * code
        for code in (codes.full, codes.own)
    )
    indices = torch.arange(codes.indices.numel()).view_as(codes.indices)  # no two codes are the same
    return inputs._replace(codes=codes._replace(indices=indices, full=full, own=own))


@check("head", once=True)
def sees_codes_only(subject: HeadSubject) -> None:
    """forward takes codes, and what the benchmark gives: a head that knew features or modality would not transfer."""
    names = list(inspect.signature(subject.component.forward).parameters)
    given = subject.component.example_given is not None
    expect(
        len(names) == 2 + given,
        f"{subject.title}.forward takes ({', '.join(names)}), it should take (self, quantized{', given' * given})",
        "read quantized.full, quantized.own and quantized.mask only; where the benchmark gives a further tensor, "
        "declare example_given = Space(...)",
    )


@check("head")
def predictions(subject: HeadSubject) -> None:
    """predict gives one entry per clip, in the form of the targets: metrics compare the two."""
    head, inputs = subject.build().eval(), subject.inputs()
    predicted = head.predict(inputs.through(head))
    expect(
        len(predicted) == toys.CLIPS and bool(predicted.isfinite().all()),
        f"{subject.title}.predict gives {tuple(predicted.shape)} for {toys.CLIPS} clips, or values that are not finite",
        "keep the clips on the first axis",
    )
    if is_trained(subject):
        target = subject.target(head, inputs)
        expect(
            predicted.shape == target.shape,
            f"{subject.title}.predict gives {tuple(predicted.shape)}, but its loss takes targets {tuple(target.shape)}",
            "predict what the target would be: metrics compare the two",
        )


@check("head")
def several_codes(subject: HeadSubject) -> None:
    """The same vectors with several codes a step give the same logits: it reads vectors, whatever their indices are."""
    head, inputs = subject.build().eval(), subject.inputs(masked=True)
    indices = torch.stack([inputs.codes.indices, toys.CODEWORDS + inputs.codes.indices], dim=-1)
    several = inputs._replace(codes=inputs.codes._replace(indices=indices))
    with torch.no_grad():
        same = close(several.through(head), inputs.through(head))
    expect(
        same,
        f"{subject.title}: logits differ where a step has two indices (B, T, 2) for the same vectors",
        "read quantized.full or quantized.own; take equal vectors for granted only where all indices are equal",
    )


@check("head", applies=is_trained)
def calibration_kept(subject: HeadSubject) -> None:
    """What calibrate sets is in the state dict, so that a head read from its file predicts the same."""
    head, fresh, inputs = subject.build().eval(), subject.build().eval(), subject.inputs()
    target = subject.target(head, inputs)
    with torch.no_grad():
        logits = inputs.through(head)
        head.calibrate(logits, target)
        fresh.load_state_dict(head.state_dict())
        one, other = head.predict(logits), fresh.predict(logits)
    expect(
        torch.equal(one, other),
        f"{subject.title}.calibrate sets something that is not in its state dict",
        "keep it in a buffer: self.register_buffer(name, tensor)",
    )


@check("head", applies=is_trained)
def scalar_loss(subject: HeadSubject) -> None:
    """Its loss is a finite scalar for some form of target: a class or classes, of each clip or step."""
    head, inputs = subject.build(), subject.inputs()
    loss = head.loss(inputs.through(head), subject.target(head, inputs))
    expect(bool(loss.isfinite()), f"{subject.title}.loss is not finite", "use the logits' loss, not log(probability)")


@check("head", applies=is_trained)
def learns(subject: HeadSubject) -> None:
    """On codes that determine the class, 30 training steps lower its loss and it predicts most clips right."""
    head, inputs = subject.build().train(), separable(subject)
    target = subject.target(head, inputs)
    optimizer = torch.optim.Adam(head.parameters(), lr=RATE)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(subject.seed)
        for _ in range(TRAINING):
            loss = head.loss(inputs.through(head), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    expect(
        losses[-1] < FALL * losses[0],
        f"{subject.title}: the loss changes from {losses[0]:.4g} to {losses[-1]:.4g} in {TRAINING} steps",
        "check that the logits depend on quantized.full or quantized.own",
    )
    predicted = head.predict(inputs.through(head))
    missed = (predicted.double() - target.double()).abs() / toys.full_scale(target.dtype)
    right = float((missed < 0.5).double().mean())
    expect(
        right > 0.5,
        f"{subject.title} predicts {right:.0%} of the training targets after its loss has fallen",
        "check the sign of the loss, and that predict reads the logits as the loss does",
    )
