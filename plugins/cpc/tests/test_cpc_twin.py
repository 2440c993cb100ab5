"""CPC against its definition in plain loops, and its laws."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_cpc.cpc import Cpc
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import CodaarError, ComponentError, Encoded, LossContext, Space, StepView

laws = settings(deadline=None, max_examples=25)
SPACE = Space((3,))
forms = st.fixed_dictionaries(
    {
        "horizon": st.integers(1, 2),
        "layers": st.integers(1, 2),
        "cross": st.sampled_from([1.0, 0.5]),
        "within": st.sampled_from([0.0, 0.1]),
        "normalise": st.sampled_from(["predictions", "targets"]),
        "reduction": st.sampled_from(["sum", "mean-of-directions", "mean"]),
    }
)


def cpc(modalities: tuple[str, ...], **form: object) -> Cpc:
    torch.manual_seed(0)
    return Cpc(Cpc.Config(**form), LossContext(modalities, SPACE, SPACE)).double()


def view(encoded: dict[str, Encoded], seed: int = 0) -> StepView:
    return StepView({}, encoded, {}, {}, 0, 0, torch.Generator().manual_seed(seed))


def random_latents(modalities: tuple[str, ...], clips: int, steps: int, seed: int, masked: bool) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)

    def one() -> Encoded:
        latents = torch.randn(clips, steps, SPACE.width, generator=generator, dtype=torch.float64)
        return Encoded(latents, mask=torch.rand(clips, steps, generator=generator) < 0.9 if masked else None)

    return {modality: one() for modality in modalities}


def slow_cpc(loss: Cpc, encoded: dict[str, Encoded], time: int) -> float:
    config, total, weights = loss.config, 0.0, 0.0
    for target in encoded:
        for predictor in encoded:
            weight = config.within if target == predictor else config.cross
            weights += weight
            if config.reduction == "mean-of-directions" and target != predictor:
                weight /= 2
            total += weight * slow_pair(loss, encoded, target, predictor, time)
    return total / weights if config.reduction == "mean" else total


@torch.no_grad()
def slow_pair(loss: Cpc, encoded: dict[str, Encoded], target: str, predictor: str, time: int) -> float:
    horizon, total = loss.config.horizon, 0.0
    masks = [encoded[name].mask for name in (target, predictor)]
    clips = [
        clip
        for clip in range(len(encoded[target].semantic))
        if all(mask is None or bool(mask[clip, : time + 1 + horizon].all()) for mask in masks)
    ]

    def score(of_target: int, of_prediction: int, ahead: int) -> float:
        past = encoded[predictor].semantic[of_prediction : of_prediction + 1, : time + 1]
        context = loss.contexts[predictor](past)[0][0, -1]
        prediction = loss.predictors[predictor](context).view(horizon, -1)[ahead - 1]
        return float(encoded[target].semantic[of_target, time + ahead] @ prediction)

    for ahead in range(1, horizon + 1):
        for i in clips:
            if loss.config.normalise == "predictions":
                candidates = [score(i, j, ahead) for j in clips]
            else:
                candidates = [score(j, i, ahead) for j in clips]
            total -= score(i, i, ahead) - math.log(sum(math.exp(value) for value in candidates))
    return total / (max(len(clips), 1) * horizon)


@laws
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**16), st.booleans(), forms)
def test_equals_the_loops(count: int, clips: int, seed: int, masked: bool, form: dict) -> None:
    if count == 1:
        form = {**form, "within": 1.0}
    modalities = ("a", "b", "c")[:count]
    loss, encoded = cpc(modalities, **form), random_latents(modalities, clips, 6, seed, masked)
    time = 1 + int(torch.randint(5 - form["horizon"], (1,), generator=torch.Generator().manual_seed(seed)))
    terms = loss(view(encoded, seed))
    assert list(terms) == ["nce"]
    assert float(terms["nce"].detach()) == pytest.approx(slow_cpc(loss, encoded, time), rel=1e-9, abs=1e-12)


def test_mean_of_directions_is_a_sum_over_unordered_pairs() -> None:
    """Equation 10 of arXiv 2605.12145: three pairs of three modalities, each the mean of its two directions."""
    encoded = random_latents(("a", "b", "c"), 4, 6, 0, False)
    loss = cpc(("a", "b", "c"), within=0.0, reduction="mean-of-directions")
    time = 1 + int(torch.randint(4, (1,), generator=torch.Generator().manual_seed(0)))
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    both = [slow_pair(loss, encoded, m, n, time) + slow_pair(loss, encoded, n, m, time) for m, n in pairs]
    assert float(loss(view(encoded))["nce"].detach()) == pytest.approx(sum(both) / 2)


@pytest.mark.parametrize("horizon", [1, 2])
def test_the_last_step_seen_is_drawn_from_one_to_the_last_possible(horizon: int) -> None:
    loss = cpc(("a", "b"), horizon=horizon)
    encoded = list(random_latents(("a", "b"), 2, 6, 0, False).values())
    drawn = {int(loss._draw_time(encoded, torch.Generator().manual_seed(seed))) for seed in range(60)}
    assert drawn == set(range(1, 6 - horizon))


def test_lengths_may_differ() -> None:
    encoded = random_latents(("a", "b"), 3, 6, 0, False)
    longer = {"a": encoded["a"], "b": Encoded(torch.cat([encoded["b"].semantic, torch.randn(3, 2, 3).double()], dim=1))}
    loss = cpc(("a", "b"))
    assert torch.equal(loss(view(longer))["nce"], loss(view(encoded))["nce"])


def test_masked_clips_get_no_gradient() -> None:
    encoded = random_latents(("a", "b"), 4, 6, 0, False)
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[2, 0] = False
    latents: dict[str, Tensor] = {m: item.semantic.requires_grad_() for m, item in encoded.items()}
    cpc(("a", "b"), within=0.0)(view({m: Encoded(z, mask=mask) for m, z in latents.items()}))["nce"].backward()
    for z in latents.values():
        assert not z.grad[2].any()
        assert z.grad[[0, 1, 3]].any()


def test_no_clip_left_costs_nothing() -> None:
    nothing = torch.zeros(2, 4, dtype=torch.bool)
    encoded = {
        m: Encoded(item.semantic, mask=nothing) for m, item in random_latents(("a", "b"), 2, 4, 0, False).items()
    }
    assert cpc(("a", "b"))(view(encoded))["nce"].eq(0)


def test_too_short_modality_is_named_with_the_numbers() -> None:
    encoded = {"a": Encoded(torch.randn(2, 9, 3)), "b": Encoded(torch.randn(2, 3, 3))}
    with pytest.raises(CodaarError, match="horizon 2 needs 4 steps, but b has 3"):
        cpc(("a", "b"), horizon=2)(view(encoded))


@pytest.mark.parametrize(
    ("modalities", "form"), [(("a",), {"within": 0.0}), (("a", "b"), {"cross": 0.0, "within": 0.0})]
)
def test_nothing_to_predict_is_refused(modalities: tuple[str, ...], form: dict) -> None:
    with pytest.raises(ComponentError, match="no pair"):
        cpc(modalities, **form)
