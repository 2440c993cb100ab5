"""Extractor speech-embedding: sound -> a vector a step, with the network that openwakeword brings along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, Extractor, Space, setting
from codaar_core.features import FILMS, SOUNDS, ClockSettings, pyav, timed_sound
from codaar_core.nn import step_means
from codaar_plugin_packaged.speech_network import (
    FRAME,
    FRAMES,
    LEAST,
    RATE,
    WIDTH,
    SpeechNetwork,
    speech_weights,
    windows,
)

INSTALL = "codaar-plugin-packaged[speech]"


class SpeechExtractor(Extractor):
    """Google's speech embedding (96,) (Lin et al., arXiv 2002.01322), the mean of those around each step.

    An embedding hears 0.78 s, and there is one every 0.08 s; those count whose middle lies in the step; at
    least one.

    Raises:
        DataError: On first use: openwakeword 0.4.0, which has the networks, or ONNX Runtime is not installed.
    """

    suffixes = tuple(sorted((*SOUNDS, *FILMS)))
    examples = ({"seconds": 0.5},)

    @attrs.frozen(kw_only=True)
    class Config(ClockSettings):
        """Settings of the speech-embedding extractor."""

        batch: int = setting(64, "embeddings computed at a time, of several recordings if they are short", ge(1))

    @property
    def output(self) -> Space:
        """(96,)."""
        return Space((WIDTH,))

    @property
    def made_by(self) -> str:
        """Network and where it comes from."""
        return "google-speech-embedding-openwakeword"

    @property
    def weights(self) -> Sequence[Path]:
        """The spectrogram and the network."""
        return speech_weights()

    @property
    def seconds_per_step(self) -> float:
        """The setting ``seconds``."""
        return self.config.seconds

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the networks."""
        pyav(INSTALL)
        assert self.network.sessions

    @cached_property
    def network(self) -> SpeechNetwork:
        """The spectrogram and the network."""
        return SpeechNetwork()

    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (T, 96)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each recording into (T, 96); embeddings of several share a batch."""
        paths = [Path(source) for source in sources]
        yield from step_means(paths, self._heard, self.network.embeddings, self.config.batch)

    def _heard(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and spectrogram (76, 32) of each embedding."""
        around = self.config.seconds + FRAMES * FRAME  # so that the first one's middle is where the step begins
        around = max(around, LEAST / RATE)  # the shortest steps have one embedding too
        for step, samples in enumerate(timed_sound(path, self.config.seconds, RATE, INSTALL, around)):
            (pieces,) = windows(self.network.spectrograms(torch.from_numpy(samples)[None]))
            for piece in pieces:
                yield step, piece
