"""EfficientNet-Lite0 up to its pooled features; its published tensors have the names of the module's."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 1280  # of the features
EPSILON = 1e-3  # of batch normalisation, as in the TensorFlow original


class Stage(NamedTuple):
    """Blocks of equal width."""

    blocks: int
    kernel: int
    stride: int  # of the first block
    expansion: int
    width: int


STAGES = (
    *(Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80)),
    *(Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320)),
)


class SameConv(nn.Conv2d):
    """A convolution without bias and padded as in TensorFlow: to ceil(size / stride), the odd cell at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        height, width = (self._padding(size) for size in input.shape[-2:])
        padded = F.pad(input, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(padded)

    def _padding(self, size: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-size // stride) - 1) * stride + kernel - size, 0)


class Block(nn.Module):
    """Inverted bottleneck: widen, convolve each channel, narrow; added to its input where the shapes agree."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        self.adds = stride == 1 and inputs == stage.width
        self.widens = stage.expansion > 1
        if self.widens:
            self._expand_conv, self._bn0 = SameConv(inputs, wide, 1), nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = SameConv(wide, wide, stage.kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv, self._bn2 = SameConv(wide, stage.width, 1), nn.BatchNorm2d(stage.width, EPSILON)

    def forward(self, values: Tensor) -> Tensor:
        """Transform (B, inputs, H, W)."""
        found = F.relu6(self._bn0(self._expand_conv(values))) if self.widens else values
        found = F.relu6(self._bn1(self._depthwise_conv(found)))
        found = self._bn2(self._project_conv(found))
        return found + values if self.adds else found


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its classifier: ReLU6, no squeeze and excitation (arXiv 1905.11946, Lite variant)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, 32, 3, 2), nn.BatchNorm2d(32, EPSILON)
        self._blocks, width = nn.ModuleList(), 32
        for stage in STAGES:
            for number in range(stage.blocks):
                self._blocks.append(Block(width, stage, 1 if number else stage.stride))
                width = stage.width
        self._conv_head, self._bn1 = SameConv(width, WIDTH, 1), nn.BatchNorm2d(WIDTH, EPSILON)

    def forward(self, pictures: Tensor) -> Tensor:
        """Features (B, 1280) of normalised pictures (B, 3, H, W)."""
        found = F.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            found = block(found)
        return F.relu6(self._bn1(self._conv_head(found))).mean((2, 3))


def normalised(pictures: Tensor) -> Tensor:
    """Scale RGB (B, 3, H, W) in 0..255 by the means and deviations of ImageNet."""
    means, deviations = (
        torch.tensor(values, device=pictures.device)[:, None, None]
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    return (pictures / 255 - means) / deviations
