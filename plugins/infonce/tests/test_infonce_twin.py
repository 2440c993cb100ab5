"""InfoNCE against its definition in plain loops, and its laws."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from codaar_plugin_infonce.infonce import InfoNce, contrast
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, LossContext, Space, StepView

laws = settings(deadline=None, max_examples=25)
SPACE = Space((4,))
seeds = st.integers(0, 2**16)


def infonce(modalities: tuple[str, ...] = ("a", "b"), **config: object) -> InfoNce:
    return InfoNce(InfoNce.Config(**config), LossContext(modalities, SPACE, SPACE))


def view(encoded: dict[str, Encoded], seed: int = 0) -> StepView:
    return StepView({}, encoded, {}, {}, 0, 0, torch.Generator().manual_seed(seed))


def random_latents(clips: int, steps: int, seed: int, masked: bool = False) -> Encoded:
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(clips, steps, 4, generator=generator, dtype=torch.float64)
    mask = torch.rand(clips, steps, generator=generator) < 0.6 if masked else None
    return Encoded(latents, mask=mask)


def cosine(one: Tensor, other: Tensor) -> float:
    lengths = math.sqrt(float(one @ one)) * math.sqrt(float(other @ other))
    return float(one @ other) / lengths if lengths else 0.0


def slow_contrast(anchors: list[Tensor], keys: list[Tensor], temperature: float) -> float:
    losses = []
    for i, anchor in enumerate(anchors):
        weights = [math.exp(cosine(anchor, key) / temperature) for key in keys]
        losses.append(-math.log(weights[i] / sum(weights)))
    return sum(losses) / len(losses)


def slow_pair(anchor: Encoded, key: Encoded, temperature: float) -> tuple[float, float]:
    """Contrast of clips and of steps, by loops over the steps that are real in both modalities."""
    clips = range(len(anchor.semantic))
    steps = range(min(anchor.semantic.shape[1], key.semantic.shape[1]))
    real = lambda item, b, t: item.mask is None or bool(item.mask[b, t])  # noqa: E731
    means = [
        [
            torch.stack([item.semantic[b, t] for t in range(item.semantic.shape[1]) if real(item, b, t)]).mean(0)
            for item in (anchor, key)
        ]
        for b in clips
        if all(any(real(item, b, t) for t in range(item.semantic.shape[1])) for item in (anchor, key))
    ]
    of_clips = slow_contrast([each[0] for each in means], [each[1] for each in means], temperature) if means else 0.0
    of_steps = []
    for b in clips:
        both = [t for t in steps if real(anchor, b, t) and real(key, b, t)]
        if both:
            pairs = [(anchor.semantic[b, t], key.semantic[b, t]) for t in both]
            of_steps.append(slow_contrast([a for a, _ in pairs], [k for _, k in pairs], temperature))
    return of_clips, sum(of_steps) / max(len(of_steps), 1)


@laws
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), seeds, st.booleans(), st.booleans())
def test_equals_the_loops(clips: int, steps: int, other: int, seed: int, masked: bool, within: bool) -> None:
    encoded = {"a": random_latents(clips, steps, seed, masked), "b": random_latents(clips, other, seed + 1, masked)}
    terms = infonce(clips=1.0, steps=2.0, temperature=0.3, within=within, reduction="sum")(view(encoded))
    pairs = [(m, n) for m, n in product("ab", repeat=2) if within or m != n]
    slow = [slow_pair(encoded[m], encoded[n], 0.3) for m, n in pairs]
    assert float(terms["clips"]) == pytest.approx(sum(each[0] for each in slow), rel=1e-9, abs=1e-12)
    assert float(terms["steps"]) == pytest.approx(2 * sum(each[1] for each in slow), rel=1e-9, abs=1e-12)


def test_the_mean_over_pairs() -> None:
    encoded = {m: random_latents(3, 2, seed) for seed, m in enumerate("abc")}
    mean, total = (infonce(("a", "b", "c"), reduction=how)(view(encoded))["clips"] for how in ("mean", "sum"))
    assert float(total) == pytest.approx(6 * float(mean))


@laws
@given(st.integers(2, 5), seeds)
def test_equal_clips_cost_the_logarithm_of_their_number(clips: int, seed: int) -> None:
    same = Encoded(random_latents(1, 3, seed).semantic.expand(clips, 3, 4))
    assert float(infonce()(view({"a": same, "b": same}))["clips"]) == pytest.approx(math.log(clips))


def test_masked_anchors_cost_the_logarithm_of_the_candidates_and_learn_nothing() -> None:
    latents = random_latents(2, 10, 0).semantic.requires_grad_()
    masked = latents * (torch.arange(10) >= 4)[:, None]
    loss = contrast(masked, random_latents(2, 10, 1).semantic, torch.ones(2, 10, dtype=torch.bool), 0.1)
    (gradient,) = torch.autograd.grad(loss, latents)
    assert not gradient[:, :4].any() and gradient[:, 4:].any() and gradient.isfinite().all()
    everything = contrast(0 * latents, random_latents(2, 10, 1).semantic, torch.ones(2, 10, dtype=torch.bool), 0.1)
    assert float(everything.detach()) == pytest.approx(math.log(10))


def test_a_clip_loses_the_same_steps_in_all_modalities_and_keys_lose_none() -> None:
    encoded = {m: random_latents(4, 6, seed) for seed, m in enumerate("ab")}
    loss = infonce(steps=1.0, clips=0.0, keep=0.5, reduction="sum")
    kept = torch.rand(4, 6, generator=torch.Generator().manual_seed(3)) < 0.5
    anchors = {m: Encoded(item.semantic * kept[..., None]) for m, item in encoded.items()}
    all_real = torch.ones(4, 6, dtype=torch.bool)
    expected = sum(
        contrast(anchors[m].semantic, encoded[n].semantic, all_real, loss.config.temperature) for m, n in ("ab", "ba")
    )
    assert float(loss(view(encoded, seed=3))["steps"]) == pytest.approx(float(expected))


def test_nothing_to_contrast_is_refused() -> None:
    with pytest.raises(ComponentError, match="only one"):
        infonce(("a",))
    with pytest.raises(ComponentError, match="neither"):
        infonce(clips=0.0)
    assert infonce(("a",), within=True).pairs == [("a", "a")]
