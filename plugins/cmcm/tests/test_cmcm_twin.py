"""CMCM against its definition in plain loops, and its laws."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_cmcm.cmcm import Cmcm
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import ComponentError, LossContext, Quantized, Space, StepView

laws = settings(deadline=None, max_examples=25)
SPACE = Space((4,))
forms = st.fixed_dictionaries(
    {"denominator": st.sampled_from(["released", "paper"]), "shift": st.sampled_from(["minimum", "logsumexp"])}
)


def cmcm(modalities: tuple[str, ...], **form: str) -> Cmcm:
    return Cmcm(Cmcm.Config(**form), LossContext(modalities, SPACE, SPACE))


def view(quantized: dict[str, Quantized]) -> StepView:
    return StepView({}, {}, quantized, {}, 0, 0, torch.Generator())


def codes(distances: Tensor, mask: Tensor | None = None) -> Quantized:
    empty = distances.new_zeros(*distances.shape[:2], 4)
    return Quantized(distances.argmin(-1), empty, empty, distances, mask)


def random_codes(clips: int, steps: int, seed: int, masked: bool) -> Quantized:
    generator = torch.Generator().manual_seed(seed)
    distances = torch.rand(clips, steps, 5, generator=generator, dtype=torch.float64) * 9
    mask = torch.rand(clips, steps, generator=generator) < 0.6 if masked else None
    return codes(distances, mask)


def slow_usage(quantized: Quantized, clip: int) -> list[float] | None:
    steps = [t for t in range(quantized.distances.shape[1]) if quantized.mask is None or quantized.mask[clip, t]]
    if not steps:
        return None
    usage = [0.0] * quantized.distances.shape[2]
    for t in steps:
        weights = [math.exp(-math.sqrt(d)) for d in quantized.distances[clip, t].tolist()]
        usage = [u + w / sum(weights) / len(steps) for u, w in zip(usage, weights, strict=True)]
    return usage


def slow_cmcm(first: Quantized, second: Quantized, denominator: str, shift: str) -> float:
    usages = [(slow_usage(first, clip), slow_usage(second, clip)) for clip in range(len(first.indices))]
    kept = [(a, b) for a, b in usages if a is not None and b is not None]

    def dot_log(p: list[float], q: list[float]) -> float:
        return sum(x * math.log(y + 1e-10) for x, y in zip(p, q, strict=True))

    def score(i: int, j: int) -> float:
        (a_i, b_i), (a_j, b_j) = kept[i], kept[j]
        back = dot_log(b_i, a_j) if denominator == "released" else dot_log(b_j, a_i)
        return dot_log(a_i, b_j) + back

    clips = range(len(kept))
    lowest, extra = min((score(i, j) for i in clips for j in clips), default=0.0), 1e-5
    if shift == "logsumexp":
        lowest, extra = 0.0, 0.0
    losses = [
        -math.log(math.exp(score(i, i) - lowest) / (sum(math.exp(score(i, j) - lowest) for j in clips) + extra))
        for i in clips
    ]
    return sum(losses) / max(len(losses), 1)


@laws
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**16), st.booleans(), forms)
def test_equals_the_loops(clips: int, steps: int, other_steps: int, seed: int, masked: bool, form: dict) -> None:
    first, second = random_codes(clips, steps, seed, masked), random_codes(clips, other_steps, seed + 1, masked)
    terms = cmcm(("a", "b"), **form)(view({"a": first, "b": second}))
    assert list(terms) == ["a-b"]
    assert float(terms["a-b"]) == pytest.approx(slow_cmcm(first, second, **form), rel=1e-9, abs=1e-12)


@laws
@given(st.integers(2, 6), forms)
def test_equal_usage_of_all_clips_costs_log_of_their_number(clips: int, form: dict) -> None:
    same = codes(torch.rand(1, 1, 5, dtype=torch.float64).expand(clips, 3, 5))
    loss = cmcm(("a", "b"), **form)(view({"a": same, "b": same}))["a-b"]
    assert float(loss) == pytest.approx(math.log(clips), rel=1e-5)


@laws
@given(st.integers(0, 2**16), forms)
def test_order_of_clips_does_not_matter(seed: int, form: dict) -> None:
    both = {"a": random_codes(5, 3, seed, True), "b": random_codes(5, 3, seed + 1, True)}
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted = {m: codes(q.distances[order], q.mask[order]) for m, q in both.items()}
    loss = cmcm(("a", "b"), **form)
    torch.testing.assert_close(loss(view(both)), loss(view(permuted)))


def test_one_term_for_each_unordered_pair() -> None:
    quantized = {m: random_codes(3, 2, seed, False) for seed, m in enumerate("abc")}
    assert list(cmcm(("a", "b", "c"))(view(quantized))) == ["a-b", "a-c", "b-c"]


@pytest.mark.parametrize("shift", ["minimum", "logsumexp"])
def test_gradient_is_finite_at_distance_zero_and_without_any_real_step(shift: str) -> None:
    distances = torch.zeros(3, 2, 5, dtype=torch.float64, requires_grad=True)
    for mask in (None, torch.tensor([[True, True], [False, False], [True, False]]), torch.zeros(3, 2).bool()):
        loss = cmcm(("a", "b"), shift=shift)(view({"a": codes(distances, mask), "b": codes(distances, mask)}))["a-b"]
        with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
            (gradient,) = torch.autograd.grad(loss, distances)
        assert loss.isfinite()
        assert gradient.isfinite().all()


def test_masked_steps_get_no_gradient() -> None:
    masked = random_codes(4, 3, 0, True)
    distances = masked.distances.requires_grad_()
    loss = cmcm(("a", "b"))(view({"a": masked, "b": random_codes(4, 3, 1, False)}))["a-b"]
    (gradient,) = torch.autograd.grad(loss, distances)
    assert not gradient[~masked.mask].any()
    assert gradient[masked.mask].any()


def test_scores_keep_their_precision_under_autocast() -> None:
    quantized = {m: codes(torch.rand(6, 3, 50) * 9) for m in "ab"}
    expected = cmcm(("a", "b"))(view(quantized))["a-b"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(cmcm(("a", "b"))(view(quantized))["a-b"], expected)


def test_one_modality_is_refused() -> None:
    with pytest.raises(ComponentError, match="only one"):
        cmcm(("a",))
