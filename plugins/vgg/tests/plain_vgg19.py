"""The convolutions of VGG-19 as one list of operations."""

from __future__ import annotations

from torch.nn import functional as F


def pool5(pictures, weights):
    """(N, 3, 224, 224) -> (N, 7, 7, 512)."""

    def conv(x, number):
        return F.relu(F.conv2d(x, weights[f"features.{number}.weight"], weights[f"features.{number}.bias"], padding=1))

    x = pictures
    x = F.max_pool2d(conv(conv(x, 0), 2), 2, 2)
    x = F.max_pool2d(conv(conv(x, 5), 7), 2, 2)
    x = F.max_pool2d(conv(conv(conv(conv(x, 10), 12), 14), 16), 2, 2)
    x = F.max_pool2d(conv(conv(conv(conv(x, 19), 21), 23), 25), 2, 2)
    x = F.max_pool2d(conv(conv(conv(conv(x, 28), 30), 32), 34), 2, 2)
    return x.permute(0, 2, 3, 1)
