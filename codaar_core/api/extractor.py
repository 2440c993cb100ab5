"""Extractor: raw media -> features, once, before any training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.records import Space


@attrs.frozen
class ExtractorContext:
    """What is known when an extractor is built."""

    device: torch.device  # where its network is to compute


class Extractor(Component):
    """A frozen network or transform that makes features, one step a second; it needs weights that the user names.

    Attributes:
        suffixes: Of the files that it reads, small letters with their dot; empty: it reads sentences, not files.
    """

    kind: ClassVar[str] = "extractor"
    suffixes: ClassVar[tuple[str, ...]] = ()

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
        """What makes the features, as data sources state it of theirs, e.g. "keras-vgg19-pool5"; no file is read."""

    @property
    def weights(self) -> Sequence[Path]:
        """The files of weights that the features depend on; their checksums are noted beside the features."""
        return ()

    def prepare(self) -> None:
        """Read the weights, so that what is wrong with them is told once and not for every recording.

        Raises:
            DataError: They are missing or wrong, or a library is; the message says where to get them.
        """

    @abstractmethod
    def extract(self, source: Path | str) -> Tensor:
        """Turn one recording, clip or sentence into floats (T, *shape), without gradient, on any device.

        Raises:
            DataError: The source cannot be read; the message names it.
        """
