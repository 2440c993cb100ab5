"""DataSource: where features come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import attrs
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.records import Features, Space


@attrs.frozen
class Card:
    """What a user must know before using a data set."""

    title: str
    licence: str
    how_to_get: str
    homepage: str = ""


class Batch(NamedTuple):
    """Some clips of a split."""

    inputs: Mapping[str, Features]
    targets: Mapping[str, Tensor]  # by modality: labels may differ between modalities; empty in pretraining


class Split(ABC):
    """A part of a data set, read by lists of indices. Files are opened on first use, in each process."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of clips."""

    @abstractmethod
    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices``, in that order."""

    @property
    def ids(self) -> Sequence[str] | None:
        """Names of the recordings the clips come from, where they have any: shows what was seen before."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What its files have that they should not, and was put up with: a line each, for the record."""
        return ()

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """What a head is given besides the codes, whatever the modality: the picture to segment (B, *shape)."""
        return None


@attrs.frozen
class DataContext:
    """What is known when a data source is built."""

    modalities: tuple[str, ...]


class DataSource(Component):
    """Feature files, or a generator of them."""

    kind: ClassVar[str] = "data"
    card: ClassVar[Card]

    @property
    @abstractmethod
    def spaces(self) -> Mapping[str, Space]:
        """Spaces of all modalities this source has; no file is opened for it."""

    @property
    def origin(self) -> str:
        """One line for records: which data, which version, made how."""
        return self.card.title

    @property
    def extraction(self) -> Mapping[str, str]:
        """What made the features, by modality, e.g. "keras-vgg19-pool5"; features made by another are not mixed in."""
        return {}

    def inventory(self, name: str) -> Sequence[str]:
        """What is there of the files of a split, a line each; nothing where a source cannot tell without reading."""
        return ()

    @abstractmethod
    def split(self, name: str) -> Split:
        """Open a split; ``"pretrain"`` must exist.

        Raises:
            DataError: No such split, or files are missing or damaged; the message says where to get them.
        """

    @abstractmethod
    def synthetic(self, clips: int, seed: int) -> Split:
        """Random features of the true shapes, without any file: for benchmarks and dry runs."""
