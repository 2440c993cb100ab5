"""What a collection of arrays offers, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

MOST = 1 << 26  # bytes of the array of a clip, unless a caller states another bound


class ClipArrays(ABC):
    """Arrays of clips by name. The names are listed once, on first use; arrays are read when they are asked for.

    A pickled collection has no open file and keeps its list of names.

    Args:
        path: The folder, pattern or file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def entries(self) -> Mapping[str, Any]:
        """Place of each array, by the name of its clip, in alphabetical order of the names.

        Raises:
            DataError: The folder or file is missing or damaged, or two arrays have one name.
        """
        return dict(sorted(self._listed().items()))

    @abstractmethod
    def _listed(self) -> Mapping[str, Any]:
        """Place of each array by name, in any order."""

    @abstractmethod
    def where(self, name: str) -> str:
        """File, and place in it, of an array for messages."""

    @abstractmethod
    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """Read the array of a clip.

        Args:
            name: One of ``entries``.
            most: Largest number of bytes.

        Raises:
            DataError: It is damaged, too large, or has no numbers.
        """

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Shape of the array of a clip, read from its header where the format has one.

        Raises:
            DataError: As ``read``.
        """
        return self.read(name, most).shape
