"""The jigsaw against its definition in plain loops."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from codaar_plugin_micu.jigsaw import Jigsaw
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import ComponentError, LossContext, Quantized, Space, StepView

laws = settings(deadline=None, max_examples=25)
WIDTH = 6


def jigsaw(pieces: int) -> Jigsaw:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        context = LossContext(("a", "b"), Space((WIDTH,)), Space((WIDTH,)))
        return Jigsaw(Jigsaw.Config(pieces=pieces, hidden=8), context).double()


def codes(clips: int, steps: int, seed: int, masked: bool = False) -> Quantized:
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(clips, steps, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    mask = torch.rand(clips, steps, generator=generator) < 0.6 if masked else None
    return Quantized(torch.zeros(clips, steps, dtype=torch.int64), own, own, mask=mask)


def view(quantized: dict[str, Quantized], seed: int) -> StepView:
    return StepView({}, {}, quantized, {}, 0, 0, torch.Generator().manual_seed(seed))


def slow(loss: Jigsaw, quantized: dict[str, Quantized], pieces: int, seed: int) -> float:
    draws = torch.randint(2, (pieces,), generator=torch.Generator().manual_seed(seed)).tolist()
    one, other = quantized["a"], quantized["b"]
    orders, width, losses = list(permutations(range(pieces))), WIDTH // pieces, []
    for b in range(len(one.own)):
        for t in range(min(one.own.shape[1], other.own.shape[1])):
            if any(each.mask is not None and not each.mask[b, t] for each in (one, other)):
                continue
            cut: list[Tensor] = [
                (one, other)[m].own[b, t, place * width : (place + 1) * width] for place, m in enumerate(draws)
            ]
            for number, order in enumerate(orders):
                logits = loss.classifier(torch.cat([cut[place] for place in order])).tolist()
                losses.append(math.log(sum(map(math.exp, logits))) - logits[number])
    return sum(losses) / max(len(losses), 1)


@laws
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2**16),
    st.booleans(),
    st.sampled_from([2, 3]),
)
def test_equals_the_loops(clips: int, steps: int, other: int, seed: int, masked: bool, pieces: int) -> None:
    quantized = {"a": codes(clips, steps, seed, masked), "b": codes(clips, other, seed + 1, masked)}
    loss = jigsaw(pieces)
    assert float(loss(view(quantized, seed))["order"]) == pytest.approx(slow(loss, quantized, pieces, seed), rel=1e-9)


def test_guessing_costs_the_logarithm_of_the_orders() -> None:
    loss = jigsaw(2)
    torch.nn.init.zeros_(loss.classifier[-1].weight)
    torch.nn.init.zeros_(loss.classifier[-1].bias)
    both = {m: codes(3, 2, seed) for seed, m in enumerate("ab")}
    assert float(loss(view(both, 0))["order"]) == pytest.approx(math.log(2))


def test_codes_learn_through_the_straight_through_gradient() -> None:
    both = {m: codes(3, 2, seed) for seed, m in enumerate("ab")}
    total = sum(jigsaw(3)(view(both, seed))["order"] for seed in range(8))
    total.backward()
    assert all(each.own.grad.any() for each in both.values())


def test_pieces_that_do_not_divide_the_codes_are_refused() -> None:
    with pytest.raises(ComponentError, match="do not divide the width 6 of the codes"):
        jigsaw(4)
