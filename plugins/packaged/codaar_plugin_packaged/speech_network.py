"""Google's speech embedding (Lin et al., arXiv 2002.01322), with the weights that openwakeword brings along."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import DataError
from codaar_plugin_packaged.packaged import packaged

REQUIREMENT = "openwakeword==0.4.0"
NETWORKS = ("resources/models/melspectrogram.onnx", "resources/models/embedding_model.onnx")  # in the package
RATE = 16_000  # samples a second
LOUDEST = 32_767  # the networks read samples of 16 bit
FRAMES, BANDS, HOP = 76, 32, 8  # of the spectrogram that makes one embedding; frames between two
FRAME = 0.01  # seconds between two frames
LEAST = 12_512  # samples of FRAMES frames
WIDTH = 96  # of an embedding


def speech_weights() -> Sequence[Path]:
    """Files of the spectrogram and of the network in the package that has them.

    Raises:
        DataError: It is not installed.
    """
    return [packaged("openwakeword", name, REQUIREMENT) for name in NETWORKS]


class SpeechNetwork:
    """The spectrogram and the network, on the CPU with one thread; both are read on first use.

    Raises:
        DataError: On first use: openwakeword 0.4.0, which has the networks, or ONNX Runtime is not installed.
    """

    @cached_property
    def sessions(self) -> list[Any]:
        """The spectrogram and the network in ONNX Runtime."""
        paths = speech_weights()
        try:
            import onnxruntime
        except ImportError as error:
            raise DataError("the speech embedding needs ONNX Runtime", "pip install 'onnxruntime>=1.17'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        return [onnxruntime.InferenceSession(str(path), options, providers=providers) for path in paths]

    def spectrograms(self, samples: Tensor) -> Tensor:
        """Frames (N, F, 32), one every 10 ms, of sounds (N, S) at 16 kHz in -1..1, scaled as the network was trained.

        One sound at a time: the network cuts off what is 80 dB below the loudest value of all that it is given.
        """
        found = [self.sessions[0].run(None, {"input": sound[None].numpy()})[0] for sound in samples * LOUDEST]
        return torch.stack([torch.from_numpy(each.reshape(-1, BANDS)) for each in found]) / 10 + 2

    def embeddings(self, spectrograms: Tensor) -> Tensor:
        """Embeddings (N, 96) of pieces of a spectrogram (N, 76, 32)."""
        (found,) = self.sessions[1].run(None, {"input_1": spectrograms[..., None].numpy()})
        return torch.from_numpy(found.reshape(-1, WIDTH))

    def mean_embeddings(self, samples: Tensor, batch: int = 64) -> Tensor:
        """The mean (N, 96) of the embeddings inside each sound (N, S) at 16 kHz in -1..1; three in one second.

        Args:
            samples: Sounds of equal length, at least 12,512 samples.
            batch: Sounds computed at a time.

        Raises:
            DataError: They are too short for one embedding.
        """
        return torch.cat([self._means(some) for some in samples.split(batch)])

    def _means(self, samples: Tensor) -> Tensor:
        if samples.shape[1] < LEAST:
            raise DataError(
                f"a speech embedding needs {LEAST:,} samples; there are {samples.shape[1]:,}",
                f"give sounds of at least {LEAST / RATE:.2f} s at {RATE:,} samples a second",
            )
        pieces = windows(self.spectrograms(samples))
        return self.embeddings(pieces.flatten(0, 1)).unflatten(0, pieces.shape[:2]).mean(1)


def windows(spectrograms: Tensor) -> Tensor:
    """Pieces (N, P, 76, 32) that make one embedding each, every 8 frames, of spectrograms (N, F, 32)."""
    return spectrograms.unfold(1, FRAMES, HOP).transpose(-1, -2)
