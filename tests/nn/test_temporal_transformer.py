"""The temporal transformer: the released numbers, masks, and the same values with and without gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from codaar_core.nn import TemporalTransformer, ignored_steps
from codaar_core.testing.released_numbers import drawn, drawn_weight

laws = settings(deadline=None, max_examples=25)


def transformer(**options) -> TemporalTransformer:
    torch.manual_seed(0)
    defaults = {"input": 5, "width": 8, "heads": 2, "feedforward": 16, "dropout": 0.0}
    return TemporalTransformer(**(defaults | options)).double()


def released_name(name: str) -> str:
    return name.replace("widen.", "affine_matrix.").replace("layers.", "encoder.layers.")


def time_first(block: TemporalTransformer, features: torch.Tensor) -> torch.Tensor:
    """Apply the block to features in the released order of axes, (T, B, F)."""
    return block(features.transpose(0, 1)).transpose(0, 1)


def test_agrees_with_the_released_numbers(released_numbers):
    block = transformer(input=12, width=16, heads=4, feedforward=1024)
    released_numbers("itrm_small").check_function(block, released_name, lambda features: time_first(block, features))


@pytest.mark.parametrize("name", ["itrm_audio_full", "itrm_text_full", "itrm_video_full"])
def test_agrees_with_the_released_numbers_at_full_size(released_numbers, name):
    numbers = released_numbers(name)
    shape = tuple(numbers["in0_shape"].tolist())
    block = transformer(input=shape[-1], width=256, heads=4, feedforward=1024)
    block.load_state_dict({k: drawn_weight(name, released_name(k), v.shape) for k, v in block.state_dict().items()})
    features = drawn(*numbers.strings("in0_seedname"), shape).requires_grad_()
    output = time_first(block, features)
    output.backward(numbers["ct0"])
    numbers.check(output, "out0")
    numbers.check(features.grad.norm(), "grad_in0_norm")
    for key, parameter in block.named_parameters():
        numbers.check(parameter.grad.norm(), f"gradnorm_{released_name(key)}")


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_layers_equal_those_of_torch_with_the_same_draws(masked, training):
    block = transformer(dropout=0.3).train(training)
    features, mask = torch.randn(3, 6, 5, dtype=torch.double), torch.tensor([[True] * 4 + [False] * 2] * 3)
    ignored = ignored_steps(mask) if masked else None
    plain = [nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, dtype=torch.double).train(training) for _ in range(2)]
    for theirs, ours in zip(plain, block.layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
    torch.manual_seed(1)
    latents = block(features, mask if masked else None)
    torch.manual_seed(1)
    hidden = block.widen(features).transpose(0, 1)
    for theirs in plain:
        hidden = theirs(hidden, src_key_padding_mask=ignored)
    torch.testing.assert_close(latents, hidden.transpose(0, 1))


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


def test_normalised_features_have_no_scale_and_no_offset():
    block = transformer(normalise=True)
    features, mask = (
        torch.randn(3, 4, 5, dtype=torch.double),
        torch.tensor([[True] * 4, [True] * 2 + [False] * 2] * 2)[:3],
    )
    changed = 30 * features + torch.arange(5.0, dtype=torch.double)
    torch.testing.assert_close(block(features, mask), block(changed, mask), rtol=1e-4, atol=1e-4)
    block.eval()
    latents = block(features, mask)
    torch.testing.assert_close(block(features[:1], mask[:1]), latents[:1])
