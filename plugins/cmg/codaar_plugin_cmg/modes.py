"""Bases of published benchmarks: the modes "strict" and "as-published", and benchmarks between audio and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, ClassVar

from codaar_core.api import Benchmark, BenchmarkContext, Selection, Space, Transfer
from codaar_plugin_cmg.settings import PRETRAINING_EXAMPLES

SECONDS = 10  # steps of a clip


class TwoModes(Benchmark):
    """A benchmark that follows the released evaluation code in mode "as-published", and not in mode "strict".

    Its transfers are the ordered pairs of the modalities in ``needs``.
    """

    released_selection: ClassVar[Selection]  # which epoch of a head the released code reports

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.as_published = context.mode == "as-published"

    @property
    def selection(self) -> Selection:
        """As released; in strict mode the best epoch on validation clips of the modality of training."""
        return self.released_selection if self.as_published else "validation"

    @property
    def dropout(self) -> bool:
        """The released code leaves the encoder in training mode while it trains the head."""
        return self.as_published

    def transfers(self) -> Sequence[Transfer]:
        """Every ordered pair of the modalities that the data set has."""
        return [Transfer(*pair) for pair in permutations(self.needs, 2)]


class AudioVideo(TwoModes):
    """A benchmark between audio and video on released features of one step per second.

    Its ``Config`` derives from ``AudioVideoSettings`` and ``PublishedSettings``.
    """

    examples = PRETRAINING_EXAMPLES
    needs = ("audio", "video")
    published_metric: ClassVar[str]
    published_scores: ClassVar[Mapping[bool, Mapping[str, tuple[float, float]]]]
    """Scores of (video to audio, audio to video) by whether text is aligned as well, by pretraining list."""

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.spaces = {modality: Space(context.data.spaces[modality].shape, SECONDS) for modality in self.needs}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings state."""
        return self.config.extraction()

    @property
    def published(self) -> Mapping[str, float]:
        """Scores of CoDAAR (arXiv 2605.12145) for this pretraining; none in strict mode."""
        scores = self.published_scores.get("text" in self.modalities, {})
        if not self.as_published or self.config.pretraining not in scores:
            return {}
        to_audio, to_video = scores[self.config.pretraining]
        return {f"video->audio/{self.published_metric}": to_audio, f"audio->video/{self.published_metric}": to_video}
