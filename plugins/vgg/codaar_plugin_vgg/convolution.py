"""3x3 convolution that uses Winograd's algorithm where it is faster."""

from __future__ import annotations

from torch import Tensor, nn

from codaar_plugin_vgg import winograd


class Convolution3x3(nn.Conv2d):
    """``Conv2d`` with 3x3 kernels; wide convolutions of small maps use Winograd's algorithm on the CPU.

    Args:
        inputs: Channels C of the maps.
        outputs: Channels O of the result.
        padding: Width of the border of zeros around the maps.
        bias: Whether a bias is added.
    """

    padding: tuple[int, int]

    def __init__(self, inputs: int, outputs: int, padding: int = 0, bias: bool = True) -> None:
        super().__init__(inputs, outputs, winograd.TAPS, padding=padding, bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, O, H', W')."""
        if not winograd.pays(maps, self.weight):
            return super().forward(maps)
        result = winograd.convolve(maps, self.weight, self.padding[0])
        return result if self.bias is None else result.add_(self.bias[:, None, None])
