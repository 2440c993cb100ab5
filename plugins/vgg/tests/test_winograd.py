"""Convolution by Winograd's algorithm equals torch's, in values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from codaar_plugin_vgg import winograd
from codaar_plugin_vgg.convolution import Convolution3x3
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

few, cells = st.integers(1, 4), st.integers(1, 9)


def both(ours, own, maps: Tensor, weight: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Values and gradients of two functions of the same inputs."""
    inputs = [each.clone().requires_grad_() for each in (maps, weight)]
    results = [each(*inputs) for each in (ours, own)]
    cotangent = torch.randn(results[1].shape, generator=torch.Generator().manual_seed(1), dtype=maps.dtype)
    gradients = [torch.autograd.grad(each, inputs, cotangent) for each in results]
    return [(results[0], results[1]), *zip(*gradients, strict=True)]


def random(*shape: int, dtype: torch.dtype = torch.double) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@settings(deadline=None, max_examples=40)
@given(number=few, inputs=few, outputs=few, height=cells, width=cells, padding=st.integers(0, 2))
def test_convolution_is_torchs_own(number, inputs, outputs, height, width, padding):
    maps = random(number, inputs, height + 2, width + 2)
    weight = random(outputs, inputs, 3, 3)
    ours = lambda *of: winograd.convolve(*of, padding)  # noqa: E731
    own = lambda *of: F.conv2d(*of, padding=padding)  # noqa: E731
    for one, other in both(ours, own, maps, weight):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=40)
@given(number=few, inputs=few, outputs=few, height=cells, width=cells)
def test_transposed_convolution_is_torchs_own(number, inputs, outputs, height, width):
    maps, weight = random(number, inputs, height, width), random(inputs, outputs, 3, 3)
    for one, other in both(winograd.convolve_transposed, F.conv_transpose2d, maps, weight):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("side", [7, 5])
def test_float32_has_a_relative_error_below_2e_6(side):
    """At the paper's width, against float64: Winograd's transforms are known for rounding errors."""
    maps, weight = random(4, 512, side, side), random(64, 512, 3, 3)
    truth = F.conv2d(maps, weight)
    error = winograd.convolve(maps.float(), weight.float()) - truth
    assert error.square().mean().sqrt() < 2e-6 * truth.square().mean().sqrt()


def test_it_is_used_only_for_wide_convolutions_of_small_maps(monkeypatch):
    used = []
    monkeypatch.setattr(winograd, "convolve", lambda maps, weight, _: used.append(True) or F.conv2d(maps, weight))
    wide, narrow = Convolution3x3(100, 100), Convolution3x3(100, 99)
    small, large = torch.zeros(1, 100, 5, 5), torch.zeros(1, 100, 6, 6)
    for layer, maps, pays in ((wide, small, True), (narrow, small, False), (wide, large, False)):
        used.clear()
        layer(maps)
        assert used == [True] * pays


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("ours", "own", "outputs_first"),
    [(winograd.convolve, F.conv2d, True), (winograd.convolve_transposed, F.conv_transpose2d, False)],
)
def test_under_autocast_only_products_are_narrow(dtype, ours, own, outputs_first):
    """Values and gradients differ from those in float64 by a few roundings of the factors."""
    maps, weight = random(4, 64, 5, 5), random(*((32, 64) if outputs_first else (64, 32)), 3, 3)

    def narrow(maps: Tensor, weight: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype):
            result = ours(maps.float(), weight.float())
        assert result.dtype == dtype
        return result.double()

    for one, other in both(narrow, own, maps, weight):
        assert (one - other).square().mean().sqrt() < 6 * torch.finfo(dtype).eps * other.square().mean().sqrt()


def test_matrices_that_multiply_maps_are_exact_in_bfloat16():
    for size in range(1, 10):
        evaluations = winograd._square(size, size, padding=0)
        for matrix in (evaluations.map, evaluations.product):
            exact = torch.as_tensor(matrix)
            torch.testing.assert_close(exact.bfloat16().double(), exact, rtol=0, atol=0)


def test_maps_without_requires_grad_get_no_gradient():
    maps, weight = random(1, 2, 5, 5), random(2, 2, 3, 3).requires_grad_()
    winograd.convolve(maps, weight).sum().backward()
    assert maps.grad is None and weight.grad.shape == weight.shape


def test_the_bias_is_added():
    torch.manual_seed(0)
    layer, maps = Convolution3x3(100, 100, padding=1), torch.randn(2, 100, 5, 5)
    torch.testing.assert_close(layer(maps), F.conv2d(maps, layer.weight, layer.bias, padding=1))


def test_training_works_after_inference_mode():
    layer, maps = Convolution3x3(36, 36), random(1, 36, 3, 3, dtype=torch.float32)
    with torch.inference_mode():
        layer(maps)
    layer(maps).sum().backward()
    assert layer.weight.grad.isfinite().all()
