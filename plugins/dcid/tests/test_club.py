"""CLUB against its definition in plain loops, and which parameters each step trains."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_dcid.club import Club
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, LossContext, Quantized, Space, StepView

laws = settings(deadline=None, max_examples=15)
WIDTH, PRIVATE, CHANNELS = 4, 3, 6


class Stub(nn.Module):
    """The smallest encoder."""

    def __init__(self, private: Space | None) -> None:
        super().__init__()
        self.private = private


def club(*privates: Space | None, **config: object) -> Club:
    names = tuple("abc"[: len(privates)])
    encoders = {name: Stub(private) for name, private in zip(names, privates, strict=True)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss = Club(
            Club.Config(side=5, hidden=8, **config), LossContext(names, Space((WIDTH,)), Space((WIDTH,)), {}, encoders)
        )
    return loss.double()


def view(private: Tensor, seed: int = 0, mask: Tensor | None = None) -> StepView:
    """One modality; codes differ from latents."""
    generator = torch.Generator().manual_seed(seed)
    semantic, own = torch.randn(2, *private.shape[:2], WIDTH, generator=generator, dtype=torch.float64)
    indices = torch.zeros(private.shape[:2], dtype=torch.int64)
    encoded = {"a": Encoded(semantic.requires_grad_(), private, mask)}
    quantized = {"a": Quantized(indices, own.requires_grad_(), own, mask=mask)}
    return StepView({}, encoded, quantized, {}, 0, 0, torch.Generator().manual_seed(seed))


def private(clips: int, steps: int, *shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(clips, steps, *shape, generator=generator, dtype=torch.float64).requires_grad_()


def slow_bound(loss: Club, step: StepView, x: Tensor, y: Tensor, mask: Tensor | None) -> float:
    clips, steps = x.shape[:2]
    other = torch.randperm(clips, generator=torch.Generator().manual_seed(step.generator.initial_seed())).tolist()
    estimator = loss.estimators["a"]
    real = lambda b, t: mask is None or bool(mask[b, t])  # noqa: E731
    bounds = []
    for b in range(clips):
        own_steps = [t for t in range(steps) if real(b, t)]
        both = [t for t in own_steps if real(other[b], t)]
        if not both:
            continue
        bound = 0.0
        for d in range(y.shape[-1]):
            variance = sum(float(estimator(x[b, t])[1][d]) for t in own_steps) / len(own_steps)
            own = sum(float(estimator(x[b, t])[0][d] - y[b, t, d]) ** 2 for t in own_steps) / len(own_steps)
            wrong = sum(float(estimator(x[b, t])[0][d] - y[other[b], t, d]) ** 2 for t in both) / len(both)
            bound += (wrong - own) / math.exp(variance) / 2
        bounds.append(bound)
    return sum(bounds) / max(len(bounds), 1)


@laws
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**16), st.booleans(), st.sampled_from(["codes", "latents"])
)
def test_the_bound_equals_the_loops(clips: int, steps: int, seed: int, masked: bool, of: str) -> None:
    loss, y = club(Space((PRIVATE,)), of=of), private(clips, steps, PRIVATE, seed=seed + 1)
    mask = torch.rand(clips, steps, generator=torch.Generator().manual_seed(seed)) < 0.7 if masked else None
    if mask is not None:
        mask[0, 0] = True
    step = view(y, seed, mask)
    x = step.quantized["a"].own if of == "codes" else step.encoded["a"].semantic
    assert float(loss(step)["a"].detach()) == pytest.approx(slow_bound(loss, step, x, y, mask), rel=1e-9, abs=1e-12)


def test_estimators_approach_the_floor_where_y_is_known() -> None:
    """A constant is predicted without error: the loss approaches minus half of the width, as in the released logs."""
    loss = club(Space((PRIVATE,)), inner_steps=400, lr=1e-2)
    step = view(torch.full((4, 2, PRIVATE), 0.5, dtype=torch.float64))
    loss.inner_step(step)
    x, real = step.quantized["a"].own, step.encoded["a"].real()
    surprise = float(loss.estimators["a"].surprise(x, step.encoded["a"].private, real).sum() / real.sum())
    assert -PRIVATE / 2 <= surprise < -0.95 * PRIVATE / 2
    assert abs(float(loss(step)["a"])) < 1e-9  # the y of another clip is as likely


def test_the_model_learns_by_the_bound_and_the_estimators_by_their_own_steps_only() -> None:
    loss, y = club(Space((2, 2, CHANNELS))), private(3, 2, 2, 2, CHANNELS)
    step = view(y)
    before = {name: each.clone() for name, each in loss.state_dict().items()}
    loss.inner_step(step)
    changed = {name.split(".")[0] for name, each in loss.state_dict().items() if not torch.equal(each, before[name])}
    assert changed == {"estimators"} and y.grad is None
    loss(step)["a"].backward()
    assert all(each.grad is None for each in loss.estimators.parameters())
    assert all(each.grad.any() for each in loss.sides["a"].parameters())
    assert y.grad.any() and step.quantized["a"].own.grad.any() and step.encoded["a"].semantic.grad is None


def test_a_model_without_private_features_is_refused_and_a_modality_without_is_left_out() -> None:
    with pytest.raises(ComponentError, match="no encoder has any"):
        club(None, None)
    assert list(club(Space((PRIVATE,)), None).estimators) == ["a"]


def test_a_clip_in_which_the_modality_is_missing_does_not_change_the_bound():
    """Where all private features are equal, those of another clip are as likely as the own ones: the bound is zero."""
    mask = torch.ones(6, 3, dtype=torch.bool)
    mask[:2] = False
    loss = club(Space((PRIVATE,)))
    step = view(torch.ones(6, 3, PRIVATE, dtype=torch.float64), mask=mask)
    same = torch.ones(6, 3, WIDTH, dtype=torch.float64)
    step.quantized["a"] = step.quantized["a"]._replace(own=same)
    assert float(loss(step)["a"]) == pytest.approx(0, abs=1e-12)
