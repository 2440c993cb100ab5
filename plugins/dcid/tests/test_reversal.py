"""Gradient reversal against its definition in plain loops, the sign of each gradient, and what it does to codes."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_dcid.reversal import Reversal, reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, LossContext, Quantized, Space, StepView

laws = settings(deadline=None, max_examples=15)
WIDTH, PRIVATE = 4, 3


class Stub(nn.Module):
    """The smallest encoder."""

    def __init__(self, private: Space | None) -> None:
        super().__init__()
        self.private = private


def reversal(*privates: Space | None, **config: object) -> Reversal:
    names = tuple("abc"[: len(privates)])
    encoders = {name: Stub(private) for name, private in zip(names, privates, strict=True)}
    context = LossContext(names, Space((WIDTH,)), Space((WIDTH,)), {}, encoders)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Reversal(Reversal.Config(**{"side": 5, "hidden": 8, **config}), context).double()


def view(codes: Tensor, private: Tensor, seed: int = 0, mask: Tensor | None = None) -> StepView:
    """One modality; codes differ from latents."""
    indices = torch.zeros(private.shape[:2], dtype=torch.int64)
    encoded = {"a": Encoded(2 * codes, private, mask)}
    quantized = {"a": Quantized(indices, codes, codes, mask=mask)}
    return StepView({}, encoded, quantized, {}, 0, 0, torch.Generator().manual_seed(seed))


def values(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def slow(loss: Reversal, step: StepView, x: Tensor, y: Tensor, mask: Tensor | None) -> float:
    clips, steps = x.shape[:2]
    draw = torch.Generator().manual_seed(step.generator.initial_seed())
    shift = int(torch.randint(max(1, clips - 1), (), generator=draw)) + 1
    terms = []
    for b in range(clips):
        for t in range(steps):
            other = (b - shift) % clips
            if other == b or (mask is not None and not (mask[b, t] and mask[other, t])):
                continue
            for label, partner in ((1, b), (0, other)):
                logit = float(loss.discriminators["a"](x[b, t], y[partner, t]))
                probability = 1 / (1 + math.exp(-logit))
                terms.append(-math.log(probability if label else 1 - probability))
    return sum(terms) / max(len(terms), 1)


@laws
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**16), st.booleans(), st.sampled_from(["codes", "latents"])
)
def test_equals_the_loops(clips: int, steps: int, seed: int, masked: bool, of: str) -> None:
    loss = reversal(Space((PRIVATE,)), of=of)
    mask = torch.rand(clips, steps, generator=torch.Generator().manual_seed(seed)) < 0.7 if masked else None
    step = view(values(clips, steps, WIDTH, seed=seed), y := values(clips, steps, PRIVATE, seed=seed + 1), seed, mask)
    x = step.quantized["a"].own if of == "codes" else step.encoded["a"].semantic
    assert float(loss(step)["a"].detach()) == pytest.approx(slow(loss, step, x, y, mask), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("strength", [1.0, 0.25])
def test_the_discriminator_learns_and_the_model_gets_the_opposite_gradient(strength: float) -> None:
    plain, reversed = values(3, seed=2), values(3, seed=2)
    plain.square().sum().backward()
    reverse(reversed, strength).square().sum().backward()
    torch.testing.assert_close(reversed.grad, -strength * plain.grad)
    loss, x, y = reversal(Space((2, 2, 6)), strength=strength), values(3, 2, WIDTH), values(3, 2, 2, 2, 6)
    before = loss(view(x, y))["a"]
    before.backward()
    with torch.no_grad():
        moved = {"x": x - 0.01 * x.grad, "y": y - 0.01 * y.grad}
        assert loss(view(moved["x"], y))["a"] > before < loss(view(x, moved["y"]))["a"]
        for parameter in loss.discriminators.parameters():
            parameter -= 0.01 * parameter.grad
        assert loss(view(x, y))["a"] < before


def test_dependent_features_are_separated() -> None:
    """y starts as a copy of x. Without reversal the discriminator recognises pairs; with it, y loses x."""
    entropies, correlations = {}, {}
    for strength in (0.0, 1.0):
        torch.manual_seed(0)
        loss = reversal(Space((WIDTH,)), strength=strength, hidden=32)
        private = nn.Linear(2 * WIDTH, WIDTH).double()
        with torch.no_grad():
            private.weight.zero_()[:, :WIDTH].copy_(torch.eye(WIDTH))
        optimizer = torch.optim.Adam([*loss.parameters(), *private.parameters()], lr=5e-3)
        for step in range(400):
            x, own = values(64, 1, 2 * WIDTH, seed=step).detach().chunk(2, -1)
            y = private(torch.cat([x, own], -1))
            term = loss(view(x, y, step))["a"]
            optimizer.zero_grad()
            term.backward()
            optimizer.step()
        weight = private.weight.detach()
        entropies[strength], correlations[strength] = float(term), float(weight[:, :WIDTH].norm() / weight.norm())
    assert entropies[0.0] < 0.35 and correlations[0.0] == 1.0
    assert entropies[1.0] > 0.55 and correlations[1.0] < 0.7


def test_a_model_without_private_features_is_refused_and_a_modality_without_is_left_out() -> None:
    with pytest.raises(ComponentError, match="no encoder has any"):
        reversal(None, None)
    assert list(reversal(Space((PRIVATE,)), None).discriminators) == ["a"]
