"""Extractor of sound: a recording -> one VGGish embedding a second."""

from __future__ import annotations

from pathlib import Path

import attrs
import torch
from torch import Tensor

from codaar_core.api import DataError, Space, setting
from codaar_core.features import pyav
from codaar_core.nn import NetworkExtractor
from codaar_plugin_vggish.front_end import patches_of, seconds_of
from codaar_plugin_vggish.network import VggishNetwork
from codaar_plugin_vggish.sound_file import INSTALL, SUFFIXES, read_sound

GET_IT = (
    "download vggish-10086976.pth (288 MB) from the releases of github.com/harritaylor/torchvggish "
    "and name it as weights"
)
BATCH = 32  # seconds computed at a time: bounds the memory for a long recording


class VggishExtractor(NetworkExtractor):
    """One VGGish embedding (128,) a second, after the last ReLU, without PCA and without rounding to eight bits.

    Seconds are cut as for the features of AVE and of arXiv 2605.12145: the first 96 of the 98 frames of each.
    """

    suffixes = SUFFIXES
    example = {"weights": "vggish-10086976.pth"}
    network_type = VggishNetwork
    get_it = GET_IT

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the vggish extractor."""

        weights: str = setting(help="file of weights with the tensor names of vggish-10086976.pth, or .safetensors")

    @property
    def output(self) -> Space:
        """(128,), one step a second."""
        return Space((128,))

    @property
    def made_by(self) -> str:
        """As data sources of the released features declare it."""
        return "vggish-relu"

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the weights."""
        pyav(INSTALL)
        super().prepare()

    @torch.inference_mode()
    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (T, 128), one step a whole second; a rest shorter than a second is dropped."""
        seconds = seconds_of(read_sound(Path(source)))
        if not len(seconds):
            raise DataError(
                f"{source} has less than a second of sound", "VGGish reads whole seconds: use a longer recording"
            )
        return torch.cat([self._embeddings(batch) for batch in seconds.split(BATCH)])

    def _embeddings(self, seconds: Tensor) -> Tensor:
        return self.network(patches_of(seconds).float().to(self.device))
