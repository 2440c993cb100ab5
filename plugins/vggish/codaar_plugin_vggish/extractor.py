"""Extractor of sound: a recording -> one VGGish embedding a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, Space, setting
from codaar_core.features import ClockSettings, pyav, timed_sound
from codaar_core.nn import NetworkExtractor, step_means
from codaar_plugin_vggish.front_end import PATCH, RATE, patches_of, seconds_of
from codaar_plugin_vggish.network import VggishNetwork
from codaar_plugin_vggish.sound_file import INSTALL, SUFFIXES, read_sound

GET_IT = (
    "download vggish-10086976.pth (288 MB) from the releases of github.com/harritaylor/torchvggish "
    "and name it as weights"
)


class VggishExtractor(NetworkExtractor):
    """One VGGish embedding (128,) a step, after the last ReLU, without PCA and without rounding to eight bits.

    Seconds are cut as for the features of AVE and of arXiv 2605.12145: the first 96 of the 98 frames of each. Steps of
    two seconds and more are means over their whole seconds; shorter ones read a patch of 0.975 s around their middle.
    """

    suffixes = SUFFIXES
    example = {"weights": "vggish-10086976.pth"}
    examples = ({"clock": "published"}, {"seconds": 0.5})
    network_type = VggishNetwork
    get_it = GET_IT

    @attrs.frozen(kw_only=True)
    class Config(ClockSettings):
        """Settings of the vggish extractor."""

        weights: str = setting(help="file of weights with the tensor names of vggish-10086976.pth, or .safetensors")
        clock: Literal["timestamps", "published"] = setting(
            "timestamps", 'steps: "timestamps" of `seconds` each, "published" whole seconds from the first sample on'
        )
        batch: int = setting(32, "patches computed at a time, of several recordings if they are short", ge(1))

    @property
    def output(self) -> Space:
        """(128,)."""
        return Space((128,))

    @property
    def made_by(self) -> str:
        """As data sources of the released features declare it."""
        return "vggish-relu"

    @property
    def seconds_per_step(self) -> float | None:
        """The setting ``seconds``; None with the published clock."""
        return self.config.seconds if self.config.clock == "timestamps" else None

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the weights."""
        pyav(INSTALL)
        super().prepare()

    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (T, 128)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each source into features; patches of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._patches, self._embeddings, self.config.batch)

    def _patches(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and patch (96, 64)."""
        for step, seconds in enumerate(self._sound(path)):
            for second in seconds:  # one at a time: the spectrum of a long recording needs much memory
                yield step, patches_of(second[None])[0].float()

    def _sound(self, path: Path) -> Tensor:
        """Samples of each patch of each step, (T, patches, samples)."""
        length = self.config.seconds
        if self.config.clock == "published":
            return _whole_seconds(path)[:, None]
        if length * RATE < PATCH:
            return torch.from_numpy(timed_sound(path, length, RATE, INSTALL, PATCH / RATE))[:, None]
        steps = torch.from_numpy(timed_sound(path, length, RATE, INSTALL))
        patches = max(int(length), 1)
        return torch.stack([steps[:, n * RATE : n * RATE + PATCH] for n in range(patches)], 1)

    def _embeddings(self, patches: Tensor) -> Tensor:
        return self.network(patches.to(self.device))


def _whole_seconds(path: Path) -> Tensor:
    """Whole seconds (T, 16000) from the first sample on; a rest shorter than a second is dropped."""
    seconds = seconds_of(read_sound(path))
    if not len(seconds):
        raise DataError(
            f"{path} has less than a second of sound", 'the published clock reads whole seconds: set clock="timestamps"'
        )
    return seconds
