"""Traces: everything observable that a component does in one step, and other values for its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor, nn

from codaar_core.api import Quantizer
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.ranks import SingleProcess
from codaar_core.testing.subjects import AlignmentSubject, HeadSubject, LossSubject, ModuleSubject, QuantizerSubject

UPDATES = 12
Trace = dict[str, Tensor]


def trace(subject: ModuleSubject | AlignmentSubject) -> Trace:
    """All outputs, state and gradients of a new component in one step of training and of evaluation."""
    if isinstance(subject, AlignmentSubject):
        return {f"{name}.{m}": rows for name, step, given in subject.cases() for m, rows in step(dict(given)).items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(subject.seed)
        return {name: value for part in _parts(subject) for name, value in part.items()}


def _parts(subject: ModuleSubject) -> Iterator[Trace]:
    module = subject.build()
    yield _named("state", module.state_dict())
    for masked in (False, True):
        inputs = subject.inputs(masked=masked)
        for part in _passes(subject, module, inputs):
            yield {f"{name} {'' if masked else 'un'}masked": value for name, value in part.items()}
    if isinstance(subject, LossSubject):
        module.inner_step(inputs)
    if isinstance(subject, QuantizerSubject):
        yield _decodable(module, inputs)
        _update(module, inputs)
    if isinstance(subject, HeadSubject):
        yield {"predicted": module.predict(inputs.through(module))}
    yield _named("later", module.state_dict())


def _passes(subject: ModuleSubject, module: nn.Module, inputs: Any) -> Iterator[Trace]:
    """The outputs in both modes, and the gradients."""
    yield _named("evaluated", subject.outputs(module.eval(), inputs))
    yield _named("trained", subject.outputs(module.train(), inputs))
    tensors = {str(number): tensor for number, tensor in enumerate(toys.tensors(inputs))}
    leaves = {name: leaf for name, leaf in [*tensors.items(), *module.named_parameters()] if leaf.requires_grad}
    objective = subject.objective(module, inputs)
    if objective.requires_grad:
        gradients = torch.autograd.grad(objective, list(leaves.values()), allow_unused=True)
        yield _named("gradient", {k: v for k, v in zip(leaves, gradients, strict=True) if v is not None})


@torch.no_grad()
def _update(quantizer: Quantizer, encoded: Any) -> None:
    """Change codebooks as the training loop does, with drifting latents, until some codewords are unused."""
    generator = toys.generator_of(0)
    for drift in range(UPDATES):
        moved = {m: item._replace(semantic=item.semantic.detach() + drift / UPDATES) for m, item in encoded.items()}
        assigned = quantizer.quantize(moved)
        quantizer.update(quantizer.targets(moved, assigned), assigned, SingleProcess())
        quantizer.reset(assigned, generator, SingleProcess())
        quantizer.replace({m: book + drift for m, book in quantizer.codebooks().items()})


def _decodable(quantizer: Quantizer, encoded: Any) -> Trace:
    given = quantizer.decodable(quantizer.quantize(encoded))
    return {f"decodable.{m}": codes.full.detach() for m, codes in given.items()}


def _named(prefix: str, values: Any) -> Trace:
    return {f"{prefix}.{name}": value.detach().clone() for name, value in values.items()}


def other_values(value: Any, kind: Any) -> list[Any]:
    """Other values of a setting's type, close enough to be valid; none for names and paths."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value, value // 2, value - 1]
    if isinstance(value, float):
        return [value / 2, value + 0.1, 2 * value, 1 - value]
    if isinstance(value, tuple):
        return _other_tuples(value, kind)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return [choice for choice in choices if choice != value]


def _other_tuples(value: tuple[Any, ...], kind: Any) -> list[tuple[Any, ...]]:
    """Reversed, shortened, with other elements; where it is empty, the modalities in another order."""
    if not value:
        names = toys.MODALITIES[:3]
        return [tuple(reversed(names)), names[:2]] if get_args(kind)[:1] == (str,) else []
    others = [other_values(each, type(each)) for each in value]
    return [value[::-1], value[:-1], *zip(*others, strict=False)]
