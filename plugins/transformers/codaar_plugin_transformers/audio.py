"""Extractor hf-audio: a model of sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import torch
from attrs.validators import gt, optional
from torch import Tensor

from codaar_core.api import DataError, setting
from codaar_core.features import FILMS, SOUNDS, ClockSettings, pyav, timed_sound
from codaar_core.nn import step_means
from codaar_plugin_transformers.model_extractor import ModelExtractor, ModelSettings
from codaar_plugin_transformers.model_files import INSTALL

SPECTROGRAM_HOP = 0.01  # seconds between two frames of the spectrogram of AST


class AudioExtractor(ModelExtractor):
    """Features of a model of sound (AST, CLAP, wav2vec 2, HuBERT, encoder of Whisper, ...), one a step.

    The model reads a window around the middle of each step; tokens are averaged whose time lies in the step.

    Raises:
        DataError: On first use: files are missing, or the model has no such layer or pool; nothing is downloaded.
    """

    suffixes = tuple(sorted((*SOUNDS, *FILMS)))
    example = {"model": "facebook/hubert-base-ls960"}
    examples = ({"window": 3.0, "layer": 1}, {"seconds": 0.5})
    prepares = "AutoFeatureExtractor"
    parts = ("audio_model",)

    @attrs.frozen(kw_only=True)
    class Config(ModelSettings, ClockSettings):
        """Settings of the hf-audio extractor."""

        pool: Literal["mean", "cls", "pooler", "map"] = setting(
            "mean", '"mean" of the tokens of a step, "cls" token, "pooler" of the model, or "map" of cells (H, W, C)'
        )
        window: float | None = setting(
            None,
            "seconds around the middle of a step that the model reads, or unset for the step itself",
            optional(gt(0)),
        )

    @property
    def seconds_per_step(self) -> float:
        """The setting ``seconds``."""
        return self.config.seconds

    @property
    def window(self) -> float:
        """Seconds of sound that the model reads for a step."""
        return self.config.window or self.config.seconds

    @property
    def rate(self) -> int:
        """Samples a second that the model reads."""
        return int(self.processor.sampling_rate)

    def prepare(self) -> None:
        """Load the model, and check that PyAV is installed.

        Raises:
            DataError: As in the base; or the model cannot read so long a window.
        """
        pyav(INSTALL)
        most = self._longest()
        if most is not None and self.window > most + 1e-6:
            raise self.refused(f"reads {most:g} s at most, not {self.window:g} s", "set a smaller window or seconds")
        super().prepare()

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each recording into (T, *shape); windows of several share a batch."""
        yield from step_means([Path(source) for source in sources], self._windows, self._features, self.config.batch)

    @torch.inference_mode()
    def example_features(self) -> Tensor:
        """Features of silence."""
        return self._features(torch.zeros(1, round(self.window * self.rate)))

    def _windows(self, path: Path) -> Iterator[tuple[int, Tensor]]:
        """Step and samples (N,)."""
        heard = timed_sound(path, self.config.seconds, self.rate, INSTALL, self.window)
        yield from enumerate(torch.from_numpy(heard))

    def _features(self, windows: Tensor) -> Tensor:
        inputs = self.processor(list(windows.numpy()), sampling_rate=self.rate, return_tensors="pt")
        inputs.pop("attention_mask", None)  # all windows have the same length
        found = self.run(dict(inputs))
        if self.config.pool == "pooler":
            return self.pooled(found)
        hidden = self.hidden(found)
        if hidden.ndim == 4:  # (B, C, H, W): cells of a folded spectrogram, repeated to its whole length
            return self._of_map(hidden.movedim(1, -1))
        return self._of_spectrogram(hidden) if self._has_grid else self._of_tokens(hidden)

    @property
    def _has_grid(self) -> bool:
        """Whether tokens are cells of a spectrogram, as those of AST."""
        return hasattr(self.network.config, "frequency_stride") and hasattr(self.network.config, "time_stride")

    def _longest(self) -> float | None:
        """Seconds that the model can read; None where it reads any length."""
        processor = self.processor
        samples = getattr(processor, "n_samples", None) or getattr(processor, "nb_max_samples", None)
        if samples is not None:
            return samples / processor.sampling_rate
        frames = getattr(processor, "max_length", None)
        return frames * SPECTROGRAM_HOP if isinstance(frames, int) and hasattr(processor, "num_mel_bins") else None

    def _of_tokens(self, hidden: Tensor) -> Tensor:
        """Pool (B, N, C), evenly spread over the window, or over the length that it is padded to."""
        if self.config.pool == "cls":
            raise self.refused("has no cls token", 'set pool = "mean"')
        if self.config.pool == "map":
            raise self.refused("has no map", 'set pool = "mean" and a smaller number of seconds')
        samples = getattr(self.processor, "n_samples", None)
        covered = samples / self.rate if samples else self.window
        return hidden[:, self._of_step(hidden.shape[1], covered)].mean(1)

    def _of_spectrogram(self, hidden: Tensor) -> Tensor:
        """Pool tokens of which the last are cells, (B, N, C)."""
        config: Any = self.network.config
        rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        columns = (config.max_length - config.patch_size) // config.time_stride + 1
        if self.config.pool == "cls":
            return hidden[:, 0]
        cells = hidden[:, hidden.shape[1] - rows * columns :].unflatten(1, (rows, columns))
        return self._of_map(cells[:, :, self._of_step(columns, columns * config.time_stride * SPECTROGRAM_HOP)])

    def _of_map(self, cells: Tensor) -> Tensor:
        """Pool cells (B, H, W, C)."""
        if self.config.pool == "cls":
            raise self.refused("has no cls token", 'set pool = "mean" or "pooler"')
        return cells if self.config.pool == "map" else cells.mean((1, 2))

    def _of_step(self, tokens: int, covered: float) -> list[int]:
        """Numbers of the tokens whose middle lies in the step, of those spread over ``covered`` seconds."""
        first = (self.window - self.config.seconds) / 2
        middles = [(number + 0.5) / tokens * covered for number in range(tokens)]
        inside = [n for n, time in enumerate(middles) if first <= time < first + self.config.seconds]
        centre = first + self.config.seconds / 2
        return inside or [min(range(tokens), key=lambda number: abs(middles[number] - centre))]
