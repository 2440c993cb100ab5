"""Batch normalisation with masked items equals plain batch normalisation of the real items alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from codaar_core.nn import MaskedBatchNorm


def norms(channels: int) -> tuple[MaskedBatchNorm, nn.BatchNorm2d]:
    torch.manual_seed(0)
    ours, plain = MaskedBatchNorm(channels).double(), nn.BatchNorm2d(channels).double()
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@settings(deadline=None, max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=6).filter(any))
def test_equals_plain_normalisation_of_the_real_maps(real):
    mask = torch.tensor(real)
    ours, plain = norms(3)
    maps = torch.randn(len(real), 3, 2, 2, dtype=torch.double)
    mine, alone = maps.clone().requires_grad_(), maps[mask].clone().requires_grad_()
    output, expected = ours(mine, mask), plain(alone)
    torch.testing.assert_close(output[mask], expected)
    cotangent = torch.randn_like(expected)
    output[mask].backward(cotangent)
    expected.backward(cotangent)
    torch.testing.assert_close(mine.grad[mask], alone.grad)
    assert not mine.grad[~mask].any()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, msg=name)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad, msg=name)


def test_a_batch_without_real_maps_leaves_the_running_statistics():
    ours, plain = norms(3)
    output = ours(torch.randn(2, 3, 2, 2, dtype=torch.double), torch.zeros(2, dtype=torch.bool))
    assert output.isfinite().all()
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in ours.state_dict().items())


def test_evaluation_and_no_mask_are_plain_normalisation():
    ours, plain = norms(3)
    maps = torch.randn(4, 3, 2, 2, dtype=torch.double)
    assert torch.equal(ours(maps), plain(maps))
    ours.eval()
    plain.eval()
    assert torch.equal(ours(maps, torch.tensor([True, False, True, False])), plain(maps))


@pytest.mark.parametrize("training", [True, False])
def test_vectors_without_weights(training):
    torch.manual_seed(0)
    ours, plain = (norm(5, affine=False).double().train(training) for norm in (MaskedBatchNorm, nn.BatchNorm1d))
    steps, real = torch.randn(6, 5, dtype=torch.double), torch.tensor([True, True, False, True, False, True])
    torch.testing.assert_close(ours(steps, real)[real], plain(steps[real]))
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())


def test_a_single_vector_is_normalised_to_zero():
    assert not MaskedBatchNorm(5, affine=False)(torch.randn(1, 5)).any()
