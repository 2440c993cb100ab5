"""Plans, teachers and queues, and the terms against plain loops."""

from __future__ import annotations

import math
from itertools import permutations, product

import pytest
import torch
from codaar_plugin_codis.transport import Items, Transport
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import ComponentError, Encoded, Features, LossContext, Space, StepView

laws = settings(deadline=None, max_examples=20)
WIDTH, CODES = 4, 5
NAMES = ("a", "b")


class LinearEncoder(nn.Linear):
    """A linear encoder."""

    def forward(self, features: Features) -> Encoded:
        return Encoded(super().forward(features.values), mask=features.mask)


class Prototypes(nn.Module):
    """The smallest quantizer with learned prototypes."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.randn(CODES, WIDTH, dtype=torch.float64))

    def codebooks(self) -> dict[str, Tensor]:
        return dict.fromkeys(NAMES, self.words)


def transport(**config: object) -> Transport:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoders = {name: LinearEncoder(3, WIDTH).double() for name in NAMES}
        context = LossContext(NAMES, Space((WIDTH,)), Space((WIDTH,)), {}, encoders, Prototypes())
    return Transport(Transport.Config(**{"queue": 6, **config}), context).double()


def view(loss: Transport, clips: int, steps: int, seed: int, mask: Tensor | None = None) -> StepView:
    generator = torch.Generator().manual_seed(seed)
    inputs = {m: Features(torch.randn(clips, steps, 3, generator=generator, dtype=torch.float64), mask) for m in NAMES}
    encoded = {m: loss.context.encoders[m](inputs[m]) for m in NAMES}
    return StepView(inputs, encoded, {}, {}, 0, 0, generator)


@laws
@given(st.integers(1, 9), st.integers(0, 2**16))
def test_rows_of_a_plan_sum_to_one_and_prototypes_are_used_equally(number: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(number + CODES, WIDTH, generator=generator, dtype=torch.float64)
    directions = F.normalize(vectors, dim=-1)
    items = Items(directions[:number], torch.ones(number, dtype=torch.bool))
    plan = transport(rounds=2000, smoothness=0.3)._plan(items, directions[number:])
    torch.testing.assert_close(plan.sum(dim=1), torch.ones(number, dtype=torch.float64))
    torch.testing.assert_close(
        plan.sum(dim=0), torch.full((CODES,), number / CODES, dtype=torch.float64), rtol=1e-4, atol=1e-4
    )


def test_masked_items_are_not_assigned() -> None:
    real = torch.tensor([True, False, True])
    directions = F.normalize(torch.randn(3, WIDTH, dtype=torch.float64), dim=-1)
    prototypes = F.normalize(torch.randn(CODES, WIDTH, dtype=torch.float64), dim=-1)
    plan = transport()._plan(Items(directions, real), prototypes)
    assert not plan[1].any()
    torch.testing.assert_close(plan[real], transport()._plan(Items(directions[real], real[real]), prototypes))


def test_teachers_copy_the_buffers_of_encoders():
    loss = transport()
    loss.context.encoders["a"].register_buffer("seen", torch.tensor(1.0))
    loss.teachers["a"].register_buffer("seen", torch.tensor(0.0))
    loss.inner_step(view(loss, 2, 3, 1))
    assert loss.teachers["a"].seen == 1


def test_teachers_follow_and_the_queue_moves_on() -> None:
    loss = transport(momentum=0.75, of="clips")
    student, teacher = loss.context.encoders["a"], loss.teachers["a"]
    before = teacher.weight.clone()
    with torch.no_grad():
        student.weight.add_(1.0)
    first, second = (view(loss, 2, 3, seed) for seed in (1, 2))
    loss.inner_step(first)
    torch.testing.assert_close(teacher.weight, before + 0.25)
    kept = loss.queue_a.clone()
    torch.testing.assert_close(kept[:2], F.normalize(teacher(first.inputs["a"]).mean(), dim=-1))
    assert loss.queued_a.tolist() == [True] * 2 + [False] * 4
    loss.inner_step(second)
    torch.testing.assert_close(loss.queue_a[2:4], kept[:2])
    assert loss.queued_a.tolist() == [True] * 4 + [False] * 2


def slow_terms(loss: Transport, step: StepView) -> dict[str, float]:
    """The terms by loops, for real steps only and an empty queue."""
    config, prototypes = loss.config, F.normalize(loss.context.quantizer.words, dim=-1)
    of_clips = config.of == "clips"
    flat = lambda item: item.semantic.mean(1) if of_clips else item.semantic.flatten(0, 1)  # noqa: E731
    student = {m: F.normalize(flat(step.encoded[m]), dim=-1) for m in NAMES}
    teacher = {m: F.normalize(flat(loss.teachers[m](step.inputs[m])), dim=-1) for m in NAMES}
    number = len(student["a"])
    plan = {}
    for m in NAMES:
        rows = [[math.exp((float(x @ c) - 1) / config.smoothness) for c in prototypes] for x in teacher[m]]
        for _ in range(config.rounds):
            sums = [sum(row[k] for row in rows) for k in range(CODES)]
            rows = [[value / sums[k] for k, value in enumerate(row)] for row in rows]
            rows = [[value / sum(row) for value in row] for row in rows]
        plan[m] = rows
    code = carried = contrast = 0.0
    for m, n in permutations(NAMES, 2):
        for i in range(number):
            logits = [float(student[m][i] @ c) / config.temperature for c in prototypes]
            total = math.log(sum(map(math.exp, logits)))
            code -= sum(share * (logit - total) for share, logit in zip(plan[n][i], logits, strict=True)) / number
    for m in NAMES:
        for i in range(number):
            carried += (
                sum(s * (1 - float(student[m][i] @ c)) for s, c in zip(plan[m][i], prototypes, strict=True)) / number
            )
    for m, n in product(NAMES, repeat=2):
        for i in range(number):
            scores = [float(student[m][i] @ other) / config.contrast_temperature for other in teacher[n]]
            contrast += (math.log(sum(map(math.exp, scores))) - scores[i]) / number
    return {"code": code, "transport": carried, "contrast": contrast}


@laws
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**16), st.sampled_from(["clips", "steps"]))
def test_the_terms_equal_the_loops(clips: int, steps: int, seed: int, of: str) -> None:
    loss = transport(of=of, contrast_temperature=0.5, temperature=0.4)
    step = view(loss, clips, steps, seed)
    terms = {name: float(term.detach()) for name, term in loss(step).items()}
    assert terms == pytest.approx({name: float(each) for name, each in slow_terms(loss, step).items()}, rel=1e-9)


def test_the_queue_adds_negatives_but_not_the_batch_itself() -> None:
    loss = transport(queue=64)
    step = view(loss, 2, 3, 5)
    alone = float(loss(step)["contrast"].detach())
    loss.inner_step(step)  # momentum aside, the teachers are the encoders: the queue holds this batch
    assert float(loss(step)["contrast"].detach()) == pytest.approx(alone)
    loss.inner_step(view(loss, 2, 3, 6))
    loss.inner_step(step)
    assert float(loss(step)["contrast"].detach()) > alone


def test_encoders_and_prototypes_learn_and_teachers_do_not() -> None:
    loss = transport()
    step = view(loss, 3, 2, 1)
    sum(loss(step).values()).backward()
    assert all(each.grad.any() for each in loss.context.encoders["a"].parameters())
    assert loss.context.quantizer.words.grad.any()
    assert not any(each.requires_grad for each in loss.parameters())
    loss.train()
    assert not any(teacher.training for teacher in loss.teachers.values())


def test_without_prototypes_to_learn_it_is_refused() -> None:
    loss = transport()
    loss.context.quantizer.requires_grad_(False)
    with pytest.raises(ComponentError, match="trained by gradient"):
        Transport(loss.config, LossContext(NAMES, Space((4,)), Space((4,)), {}, loss.context.encoders, None))
    with pytest.raises(ComponentError, match="only one"):
        Transport(loss.config, LossContext(("a",), Space((4,)), Space((4,)), {}, loss.context.encoders))
