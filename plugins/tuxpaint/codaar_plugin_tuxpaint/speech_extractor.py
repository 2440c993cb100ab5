"""Extractor speech-embedding: sound -> a vector a step, with the network that openwakeword brings along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, Extractor, Space, setting
from codaar_core.features import FILMS, SOUNDS, ClockSettings, pyav, timed_sound
from codaar_core.nn import step_means
from codaar_plugin_tuxpaint.packaged import packaged
from codaar_plugin_tuxpaint.pictures import INSTALL

REQUIREMENT = "openwakeword==0.4.0"
NETWORKS = ("resources/models/melspectrogram.onnx", "resources/models/embedding_model.onnx")  # in the package
RATE = 16_000  # samples a second
LOUDEST = 32_767  # the networks read samples of 16 bit
FRAMES, BANDS, HOP = 76, 32, 8  # of the spectrogram that makes one embedding; frames between two
FRAME = 0.01  # seconds between two frames
WIDTH = 96


class SpeechExtractor(Extractor):
    """Google's speech embedding (96,) (Lin et al., arXiv 2002.01322), the mean of those around each step.

    An embedding hears 0.775 s, and there is one every 0.08 s; those count whose middle lies in the step.

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
        return [packaged("openwakeword", name, REQUIREMENT) for name in NETWORKS]

    @property
    def seconds_per_step(self) -> float:
        """The setting ``seconds``."""
        return self.config.seconds

    def prepare(self) -> None:
        """Check that PyAV is installed, and read the networks."""
        pyav(INSTALL)
        assert self.sessions

    @cached_property
    def sessions(self) -> list[Any]:
        """The spectrogram and the network, on the CPU with one thread."""
        paths = self.weights
        try:
            import onnxruntime
        except ImportError as error:
            raise DataError("the speech embedding needs ONNX Runtime", "pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        return [onnxruntime.InferenceSession(str(path), options, providers=providers) for path in paths]

    def extract(self, source: Path | str) -> Tensor:
        """Turn a recording into (T, 96)."""
        (found,) = self.extract_each([source])
        if isinstance(found, DataError):
            raise found
        return found

    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each recording into (T, 96); embeddings of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._heard, self._embeddings, self.config.batch)

    def _heard(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and spectrogram (76, 32) of each embedding."""
        around = self.config.seconds + FRAMES * FRAME  # so that the first one's middle is where the step begins
        for step, samples in enumerate(timed_sound(path, self.config.seconds, RATE, INSTALL, around)):
            frames = self._spectrogram(samples)
            for start in range(0, len(frames) - FRAMES + 1, HOP):
                yield step, torch.from_numpy(frames[start : start + FRAMES])

    def _spectrogram(self, samples: np.ndarray) -> np.ndarray:
        """Frames (F, 32) of samples in -1..1, scaled as the network was trained."""
        (found,) = self.sessions[0].run(None, {"input": samples[None] * np.float32(LOUDEST)})
        return np.asarray(found.reshape(-1, BANDS) / 10 + 2, np.float32)

    def _embeddings(self, spectrograms: Tensor) -> Tensor:
        (found,) = self.sessions[1].run(None, {"input_1": spectrograms.numpy()[..., None]})
        return torch.from_numpy(found.reshape(-1, WIDTH))
