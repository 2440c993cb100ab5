"""Extractor of video: a recording -> one VGG-19 map a step; a picture -> one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor

from codaar_core.api import DataError, Space, setting
from codaar_core.features import FILMS, PICTURES, ClockSettings, first_picture, pyav, timed_frames
from codaar_core.nn import NetworkExtractor, step_means
from codaar_plugin_vgg.frames import INSTALL, SAMPLES, as_input, count_frames, read_frames, sampled
from codaar_plugin_vgg.network import Vgg19

MadeBy = Literal["torchvision-vgg19-pool5", "keras-vgg19-pool5"]
GET_IT = (
    "download vgg19-dcbb9e9d.pth (575 MB) of torchvision from download.pytorch.org/models and name it as weights; "
    "tensors of Keras must be renamed to features.N.weight and features.N.bias"
)


class VggExtractor(NetworkExtractor):
    """VGG-19 maps (7, 7, 512) after the fifth pooling, averaged over sixteen frames of each second (code of AVE).

    Steps follow the timestamps of a recording, or are parts of equal length as in the published features; a picture is
    one step.
    """

    suffixes = (*PICTURES, *FILMS)
    example = {"weights": "vgg19-dcbb9e9d.pth"}
    examples = ({"made_by": "keras-vgg19-pool5", "clock": "published"},)
    network_type = Vgg19
    get_it = GET_IT
    unused = ("classifier.",)

    @attrs.frozen(kw_only=True)
    class Config(ClockSettings):
        """Settings of the vgg extractor."""

        weights: str = setting(help="file of weights with the tensor names of vgg19-dcbb9e9d.pth, or .safetensors")
        made_by: MadeBy = setting(
            "torchvision-vgg19-pool5", "origin of the weights, which decides how pictures are normalised"
        )
        clock: Literal["timestamps", "published"] = setting(
            "timestamps", 'steps: "timestamps" of `seconds` each, "published" cuts all frames into `parts` equal parts'
        )
        rate: float = setting(16.0, 'frames read of each second, used with clock = "timestamps"', gt(0))
        parts: int = setting(10, 'number of steps of a recording, used with clock = "published"', ge(1))
        batch: int = setting(SAMPLES, "frames computed at a time, of several recordings if they are short", ge(1))

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

    @property
    def seconds_per_step(self) -> float | None:
        """The setting ``seconds``; None with the published clock."""
        return self.config.seconds if self.config.clock == "timestamps" else None

    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (T, 7, 7, 512), or a picture into (1, 7, 7, 512)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each source into features; frames of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._frames, self._maps, self.config.batch)

    def _frames(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and (3, 224, 224) uint8 of each frame that is read."""
        config = self.config
        if path.suffix.lower() in PICTURES:
            yield 0, as_input(first_picture(path, INSTALL))
        elif config.clock == "published":
            yield from _published(path, config.parts)
        else:
            samples = max(round(config.rate * config.seconds), 1)
            for step, picture in timed_frames(path, config.seconds, samples, INSTALL):
                yield step, as_input(picture)

    def _maps(self, frames: Tensor) -> Tensor:
        """The maps (N, 7, 7, 512) of frames (N, 3, 224, 224)."""
        return self.network(prepared(frames.to(self.device), self.config.made_by)).movedim(1, -1)


def prepared(frames: Tensor, made_by: MadeBy) -> Tensor:
    """Normalise RGB (N, 3, H, W) in 0..255 as for the training of the network.

    torchvision: scaled to 0..1, minus the means of ImageNet, divided by its deviations. Keras: BGR minus the means.
    """
    if made_by == "keras-vgg19-pool5":
        return frames.flip(1).float() - _of_channels(frames, 103.939, 116.779, 123.68)
    return (frames / 255 - _of_channels(frames, 0.485, 0.456, 0.406)) / _of_channels(frames, 0.229, 0.224, 0.225)


def _of_channels(frames: Tensor, *values: float) -> Tensor:
    return torch.tensor(values, device=frames.device)[:, None, None]


def _published(path: Path, parts: int) -> Iterator[tuple[int, Tensor]]:
    frames = count_frames(path)
    if not frames:
        raise DataError(f"{path} has no frame that can be decoded")
    for number, frame in enumerate(read_frames(path, sampled(frames, parts))):
        yield number // SAMPLES, frame
