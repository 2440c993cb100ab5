"""VGGish: log-mel patches -> embeddings."""

from __future__ import annotations

from torch import Tensor, nn


class VggishNetwork(nn.Module):
    """Six convolutions and three linear maps, a ReLU after each, including the last (Hershey et al., arXiv 1609.09430).

    Names and shapes of the weights are those of ``vggish-10086976.pth``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(1, 64),
            nn.MaxPool2d(2),
            *_convolution(64, 128),
            nn.MaxPool2d(2),
            *_convolution(128, 256),
            *_convolution(256, 256),
            nn.MaxPool2d(2),
            *_convolution(256, 512),
            *_convolution(512, 512),
            nn.MaxPool2d(2),
        )
        self.embeddings = nn.Sequential(
            nn.Linear(6 * 4 * 512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128), nn.ReLU()
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Turn (N, 96, 64) into (N, 128)."""
        maps = self.features(patches[:, None])
        return self.embeddings(maps.movedim(1, -1).flatten(1))  # channels last: the weights come from TensorFlow


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1), nn.ReLU()
