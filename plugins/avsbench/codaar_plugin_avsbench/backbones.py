"""The networks that turn pictures into feature maps, and their weights.

A backbone has the ``widths`` of four stages; it turns pictures (N, 3, H, W) into four maps (N, width, h, w), at 1/4,
1/8, 1/16 and 1/32 of the resolution.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from codaar_core.api import ComponentError
from codaar_core.nn import load_published
from codaar_plugin_avsbench.pvt_v2 import PvtV2
from codaar_plugin_avsbench.small_pyramid import SmallPyramid

BACKBONES = {"pvt-v2-b5": PvtV2, "small": SmallPyramid}
STRIDE = 32  # height and width of pictures must be multiples of it
CLASSIFIER = "head."  # ImageNet classifier in published weights; not used
GET_IT = "pvt_v2_b5.pth is published with PVT (github.com/whai362/PVT) and with AVSBench; name it as weights"


def build_backbone(name: str, weights: str | None) -> nn.Module:
    """Build a backbone; "pvt-v2-b5" needs its published weights, "small" has none.

    Raises:
        ComponentError: Weights are missing, or given for "small".
        DataError: The file is missing or contains other weights.
    """
    if name == "small" and weights is not None:
        raise ComponentError("the small backbone has no pretrained weights", 'leave weights out, or use "pvt-v2-b5"')
    if name == "pvt-v2-b5" and weights is None:
        raise ComponentError("the backbone pvt-v2-b5 needs its ImageNet weights", GET_IT)
    backbone = BACKBONES[name]()
    if weights is not None:
        load_published(backbone, Path(weights).expanduser(), GET_IT, unused=(CLASSIFIER,))
    return backbone
