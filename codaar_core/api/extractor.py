"""Extractor: raw media -> features, once, before any training."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.records import Space


class Extractor(Component):
    """A frozen network or transform that makes features, one step a second; it needs weights that the user names."""

    kind: ClassVar[str] = "extractor"

    @property
    @abstractmethod
    def output(self) -> Space:
        """Space of the features."""

    @abstractmethod
    def extract(self, source: Path | str) -> Tensor:
        """Turn one recording, clip or sentence into (T, *shape).

        Raises:
            DataError: The source cannot be read.
        """
