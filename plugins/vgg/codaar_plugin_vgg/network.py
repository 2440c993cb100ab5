"""The convolutional part of VGG-19: pictures -> maps after the fifth pooling."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

BLOCKS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)  # widths of the convolutions of each block


class Vgg19(nn.Module):
    """Sixteen 3x3 convolutions with ReLU in five blocks, each followed by 2x2 max pooling (arXiv 1409.1556).

    Names and shapes of the weights are those of ``vgg19-dcbb9e9d.pth``, without its classifier.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*_layers())

    def forward(self, pictures: Tensor) -> Tensor:
        """Turn (N, 3, 224, 224) into (N, 512, 7, 7)."""
        return self.features(pictures)


def _layers() -> Iterator[nn.Module]:
    width = 3
    for block in BLOCKS:
        for wider in block:
            yield nn.Conv2d(width, wider, kernel_size=3, padding=1)
            yield nn.ReLU(inplace=True)
            width = wider
        yield nn.MaxPool2d(2)
