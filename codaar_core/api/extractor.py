"""Extractor: turns raw media into features, once, before training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.errors import DataError
from codaar_core.api.records import Space


@attrs.frozen
class ExtractorContext:
    """Passed to an extractor when it is built.

    Attributes:
        device: Device on which to compute.
    """

    device: torch.device


class Extractor(Component):
    """A frozen network or transform that turns recordings or sentences into features, a row a step.

    Files of weights are settings: users obtain them themselves. Settings named ``batch`` and ``cache`` must not change
    the features: they are not recorded with them.

    Attributes:
        suffixes: Suffixes of the files that it reads, in lower case with the dot; empty if it reads sentences.
        column: Column of a table with the sentences, beside ``id``, where it reads sentences.
    """

    kind: ClassVar[str] = "extractor"
    suffixes: ClassVar[tuple[str, ...]] = ()
    column: ClassVar[str] = "sentence"

    def __init__(self, config: Any, context: ExtractorContext) -> None:
        super().__init__(config, context)
        self.device = context.device

    @property
    @abstractmethod
    def output(self) -> Space:
        """Space of the features."""

    @property
    @abstractmethod
    def made_by(self) -> str:
        """Name of this extraction, as in ``DataSource.extraction``, e.g. "keras-vgg19-pool5"; must not read files."""

    @property
    def weights(self) -> Sequence[Path]:
        """Files of weights that the features depend on; their checksums are recorded with the features."""
        return ()

    @property
    def seconds_per_step(self) -> float | None:
        """Length of a step where step k is the time from k to k + 1 steps of the recording, as by ``ClockSettings``.

        None where steps do not follow that clock, e.g. words; features of equal length of steps belong together.
        """
        return None

    def prepare(self) -> None:
        """Load the weights; called once, before the first ``extract``.

        Raises:
            DataError: Weights or a library are missing or wrong; the message says where to get them.
        """

    @abstractmethod
    def extract(self, source: Path | str) -> Tensor:
        """Return the floating-point features (T, *shape) of one recording, clip or sentence, detached, on any device.

        Raises:
            DataError: The source cannot be read; the message names it.
        """

    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Give the features of each source, in order, or the error that says why it cannot be read.

        Override it where several sources can share a call of the network, e.g. with ``codaar_core.nn.step_means``.
        """
        for source in sources:
            try:
                yield self.extract(source)
            except DataError as error:
                yield error
