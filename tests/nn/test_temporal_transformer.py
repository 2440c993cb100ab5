"""The temporal transformer: the released numbers, masks, and the same values with and without gradient."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.nn import TemporalTransformer

laws = settings(deadline=None, max_examples=25)


def transformer(**options) -> TemporalTransformer:
    torch.manual_seed(0)
    defaults = {"input": 5, "width": 8, "heads": 2, "feedforward": 16, "dropout": 0.0}
    return TemporalTransformer(**(defaults | options)).double()


def released_name(name: str) -> str:
    return name.replace("widen.", "affine_matrix.").replace("layers.", "encoder.layers.")


def by_rule(name: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The weight that the reference numbers used, from its name (see the README beside them)."""
    draw = np.random.RandomState(crc32(f"{name}/{key}".encode())).standard_normal(shape)
    if len(shape) >= 2:
        return torch.from_numpy(draw / np.sqrt(np.prod(shape[1:])))
    return torch.from_numpy(1 + 0.1 * draw if ".norm" in key and key.endswith("weight") else 0.1 * draw)


def agrees(ours: torch.Tensor, theirs: np.ndarray) -> bool:
    return bool((ours - torch.from_numpy(theirs)).abs().max() <= 1e-10 * np.abs(theirs).max())


def run(block: TemporalTransformer, features: torch.Tensor, cotangent: np.ndarray):
    """Output in released order (T, B, D), and the gradient of sum(output * cotangent) to the features."""
    features.requires_grad_()
    output = block(features.transpose(0, 1)).transpose(0, 1)
    output.backward(torch.from_numpy(cotangent))
    return output, features.grad


def test_agrees_with_the_released_numbers(shared):
    numbers = np.load(shared / "vectors" / "itrm_small.npz")
    block = transformer(input=12, width=16, heads=4, feedforward=1024)
    block.load_state_dict({k: torch.from_numpy(numbers[f"w_{released_name(k)}"]) for k in block.state_dict()})
    output, gradient = run(block, torch.from_numpy(numbers["in0"]), numbers["ct0"])
    assert agrees(output, numbers["out0"])
    assert agrees(gradient, numbers["grad_in0"])
    for name, parameter in block.named_parameters():
        assert agrees(parameter.grad, numbers[f"grad_{released_name(name)}"]), name


@pytest.mark.parametrize("name", ["itrm_audio_full", "itrm_text_full", "itrm_video_full"])
def test_agrees_with_the_released_numbers_at_full_size(shared, name):
    numbers = np.load(shared / "vectors" / f"{name}.npz")
    shape = tuple(numbers["in0_shape"])
    block = transformer(input=shape[-1], width=256, heads=4, feedforward=1024)
    block.load_state_dict({k: by_rule(name, released_name(k), v.shape) for k, v in block.state_dict().items()})
    output, gradient = run(block, by_rule_input(str(numbers["in0_seedname"]), shape), numbers["ct0"])
    assert agrees(output, numbers["out0"])
    assert float(gradient.norm()) == pytest.approx(float(numbers["grad_in0_norm"]), rel=1e-10)
    for key, parameter in block.named_parameters():
        theirs = float(numbers[f"gradnorm_{released_name(key)}"])
        assert float(parameter.grad.norm()) == pytest.approx(theirs, rel=1e-10), key


def by_rule_input(seedname: str, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(crc32(seedname.encode())).standard_normal(shape))


@laws
@given(st.data(), st.integers(1, 4), st.integers(1, 6))
def test_masked_steps_influence_no_other(data, clips, steps):
    mask = torch.tensor(
        data.draw(st.lists(st.lists(st.booleans(), min_size=steps, max_size=steps), min_size=clips, max_size=clips))
    )
    features = torch.randn(clips, steps, 5, dtype=torch.double)
    changed = features.where(mask.unsqueeze(-1), torch.randn_like(features))
    block = transformer()
    before, after = block(features, mask), block(changed, mask)
    assert before.isfinite().all()
    torch.testing.assert_close(before[mask], after[mask], rtol=0, atol=0)


@laws
@given(st.integers(1, 4), st.integers(1, 6))
def test_a_mask_of_all_real_steps_is_no_mask(clips, steps):
    features = torch.randn(clips, steps, 5, dtype=torch.double)
    block = transformer()
    torch.testing.assert_close(block(features, torch.ones(clips, steps, dtype=torch.bool)), block(features))


def test_masked_steps_are_as_if_cut_off():
    features, mask = torch.randn(1, 6, 5, dtype=torch.double), torch.tensor([[True] * 4 + [False] * 2])
    block = transformer()
    torch.testing.assert_close(block(features, mask)[:, :4], block(features[:, :4]))


@pytest.mark.parametrize("masked", [False, True])
def test_evaluation_computes_the_same_with_and_without_gradient(masked):
    block = transformer(heads=4).float().eval()
    features, mask = torch.randn(3, 6, 5), torch.rand(3, 6) > 0.3 if masked else None
    with torch.no_grad():
        silent = block(features, mask)
    torch.testing.assert_close(silent, block(features, mask), rtol=0, atol=0)


def test_a_clip_without_real_steps_gives_finite_values_and_gradients():
    features = torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True)
    output = transformer()(features, torch.zeros(2, 3, dtype=torch.bool))
    output.sum().backward()
    assert output.isfinite().all() and features.grad.isfinite().all()


@pytest.mark.parametrize("identical", [True, False])
def test_layers_start_equal_only_when_asked(identical):
    first, second = transformer(identical_layers=identical).layers
    assert torch.equal(first.linear1.weight, second.linear1.weight) is identical
    assert first.linear1.weight is not second.linear1.weight


def test_order_of_time_does_not_matter():
    features, block = torch.randn(2, 5, 5, dtype=torch.double), transformer()
    torch.testing.assert_close(block(features.flip(1)), block(features).flip(1))


@laws
@given(st.integers(0, 2**16))
def test_whole_clips_are_the_means_of_their_real_steps(seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    mask = torch.rand(3, 4, generator=generator) < 0.5
    stepwise = transformer()(features, mask)
    for when, training, pooled in (("always", False, True), ("training", True, True), ("training", False, False)):
        latents = transformer(whole_clips=when).train(training)(features, mask)
        for clip in range(3):
            real = stepwise[clip][mask[clip]]
            mean = real.mean(0) if len(real) else torch.zeros(8, dtype=torch.float64)
            expected = mean.expand(4, 8) if pooled else stepwise[clip]
            torch.testing.assert_close(latents[clip], expected)
