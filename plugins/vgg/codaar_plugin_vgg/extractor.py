"""Extractor of video: a recording -> one VGG-19 map a second; a picture -> one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, Space, setting
from codaar_core.features import pyav
from codaar_core.nn import NetworkExtractor
from codaar_plugin_vgg.frames import INSTALL, SAMPLES, count_frames, read_frames, sampled
from codaar_plugin_vgg.network import Vgg19

PICTURES = (".jpeg", ".jpg", ".png")
RECORDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")
MadeBy = Literal["torchvision-vgg19-pool5", "keras-vgg19-pool5"]
GET_IT = (
    "download vgg19-dcbb9e9d.pth (575 MB) of torchvision from download.pytorch.org/models and name it as weights; "
    "tensors of Keras must be renamed to features.N.weight and features.N.bias"
)


class VggExtractor(NetworkExtractor):
    """VGG-19 maps (7, 7, 512) after the fifth pooling, averaged over sixteen frames of each second (code of AVE).

    A recording of any length is cut into ``seconds`` parts of equal length; a picture is one step.
    """

    suffixes = PICTURES + RECORDINGS
    example = {"weights": "vgg19-dcbb9e9d.pth"}
    examples = ({"made_by": "keras-vgg19-pool5"},)
    network_type = Vgg19
    get_it = GET_IT
    unused = ("classifier.",)

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the vgg extractor."""

        weights: str = setting(help="file of weights with the tensor names of vgg19-dcbb9e9d.pth, or .safetensors")
        made_by: MadeBy = setting(
            "torchvision-vgg19-pool5", "origin of the weights, which decides how pictures are normalised"
        )
        seconds: int = setting(10, "number of steps (parts of equal length) of a recording", ge(1))

    @property
    def output(self) -> Space:
        """(7, 7, 512), channels last."""
        return Space((7, 7, 512))

    @property
    def made_by(self) -> str:
        """The setting ``made_by``."""
        return self.config.made_by

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the weights."""
        pyav(INSTALL)
        super().prepare()

    @torch.inference_mode()
    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (seconds, 7, 7, 512), or a picture into (1, 7, 7, 512)."""
        path = Path(source)
        frames = read_frames(path, _wanted(path, self.config.seconds))
        return torch.stack([self._map(second) for second in _batches(frames)])

    def _map(self, frames: Tensor) -> Tensor:
        """The mean (7, 7, 512) of the maps of frames (N, 3, 224, 224)."""
        return self.network(prepared(frames.to(self.device), self.config.made_by)).mean(0).movedim(0, -1)


def prepared(frames: Tensor, made_by: MadeBy) -> Tensor:
    """Normalise RGB (N, 3, H, W) in 0..255 as for the training of the network.

    torchvision: scaled to 0..1, minus the means of ImageNet, divided by its deviations. Keras: BGR minus the means.
    """
    if made_by == "keras-vgg19-pool5":
        return frames.flip(1).float() - _of_channels(frames, 103.939, 116.779, 123.68)
    return (frames / 255 - _of_channels(frames, 0.485, 0.456, 0.406)) / _of_channels(frames, 0.229, 0.224, 0.225)


def _of_channels(frames: Tensor, *values: float) -> Tensor:
    return torch.tensor(values, device=frames.device)[:, None, None]


def _wanted(path: Path, seconds: int) -> list[int]:
    if path.suffix.lower() in PICTURES:
        return [0]
    frames = count_frames(path)
    if not frames:
        raise DataError(f"{path} has no frame that can be decoded")
    return sampled(frames, seconds)


def _batches(frames: Iterator[Tensor]) -> Iterator[Tensor]:
    """Give the frames of one second after the other; at most sixteen are in memory."""
    while second := list(islice(frames, SAMPLES)):
        yield torch.stack(second)
