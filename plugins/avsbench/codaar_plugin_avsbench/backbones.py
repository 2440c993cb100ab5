"""Which networks may look at the pictures, and how they get their weights.

A backbone has the ``widths`` of four stages; it turns pictures (N, 3, H, W) into four maps (N, width, h, w), at 1/4,
1/8, 1/16 and 1/32 of the resolution.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from codaar_core.api import ComponentError
from codaar_plugin_avsbench.pvt_v2 import PvtV2
from codaar_plugin_avsbench.small_pyramid import SmallPyramid

BACKBONES = {"pvt-v2-b5": PvtV2, "small": SmallPyramid}
STRIDE = 32  # pictures must be a multiple of it
CLASSIFIER = "head."  # of ImageNet, in published weights; not used
GET_IT = "pvt_v2_b5.pth is published with PVT (github.com/whai362/PVT) and with AVSBench; name it as weights"


def build_backbone(name: str, weights: str | None) -> nn.Module:
    """Build a backbone; "pvt-v2-b5" needs its published weights, "small" starts from nothing.

    Raises:
        ComponentError: Weights are wanted and not named, or named and not what they should be.
    """
    if name == "small" and weights is not None:
        raise ComponentError("the small backbone has no pretrained weights", 'leave weights out, or use "pvt-v2-b5"')
    if name == "pvt-v2-b5" and weights is None:
        raise ComponentError("the backbone pvt-v2-b5 needs its ImageNet weights", GET_IT)
    backbone = BACKBONES[name]()
    if weights is not None:
        load_published(backbone, Path(weights).expanduser())
    return backbone


def load_published(backbone: nn.Module, path: Path) -> None:
    """Load a file of named tensors; nothing in it is executed.

    Raises:
        ComponentError: It is no such file, or its names or shapes are those of another network.
    """
    found = {name: value for name, value in _read(path).items() if not name.startswith(CLASSIFIER)}
    expected = backbone.state_dict()
    for what, names in (("lacks", expected.keys() - found.keys()), ("has unknown", found.keys() - expected.keys())):
        if names:
            raise ComponentError(f"{path} {what} {min(names)} and {len(names) - 1} more tensors", GET_IT)
    for name, value in expected.items():
        if found[name].shape != value.shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(value.shape)}"
            raise ComponentError(f"{path}: {name} has the shape {shapes}", GET_IT)
    backbone.load_state_dict(found)


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ComponentError(f"there is no file {path} with the weights of the backbone", GET_IT) from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        told = str(error).partition("\n")[0][:120]
        raise ComponentError(f"{path} is no file of weights alone: {told}", GET_IT) from error
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ComponentError(f"{path} holds something else than named tensors", GET_IT)
    return found
