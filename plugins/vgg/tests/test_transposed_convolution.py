"""Every algorithm equals torch's transposed convolution, in values and gradients."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vgg import transposed_convolution, winograd
from codaar_plugin_vgg.transposed_convolution import TransposedConvolution
from hypothesis import given, settings
from hypothesis import strategies as st

sizes = st.integers(1, 4)


def evaluated(
    wide: int, per_cell: int, maps: torch.Tensor, everywhere: torch.Tensor | None, side: int
) -> list[torch.Tensor]:
    """Output, and gradients of inputs and parameters; ``wide`` and ``per_cell`` select the algorithm."""
    torch.manual_seed(0)
    first = 0 if everywhere is None else everywhere.shape[1]
    layer = TransposedConvolution(first + maps.shape[1], 3, kernel_size=side).double()
    inputs = [each.clone().requires_grad_() for each in (maps, everywhere) if each is not None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transposed_convolution, "WIDE", wide)
        patch.setattr(winograd, "WIDTHS_PER_CELL", per_cell)
        output = layer(*inputs)
    cotangent = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=output.dtype)
    return [output, *torch.autograd.grad(output, [*inputs, *layer.parameters()], cotangent)]


@settings(deadline=None, max_examples=25)
@given(sizes, sizes, sizes, sizes, st.integers(0, 3), st.sampled_from([1, 3]))
def test_all_algorithms_are_equal(number, channels, height, width, everywhere, side):
    maps = torch.randn(number, height, width, channels, dtype=torch.double).permute(0, 3, 1, 2)
    same = torch.randn(number, everywhere, dtype=torch.double) if everywhere else None
    ways = [evaluated(*way, maps, same, side) for way in ((100, 100), (1, 100), (1, 0))]
    for own, product, winograds in zip(*ways, strict=True):
        torch.testing.assert_close(product, own)
        torch.testing.assert_close(winograds, own)
