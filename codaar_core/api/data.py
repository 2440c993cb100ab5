"""DataSource: provides the features of clips."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import attrs
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.preview import Preview
from codaar_core.api.records import Features, Space


@attrs.frozen
class Card:
    """What a user must know before using a data set.

    Attributes:
        title: Name of the data set.
        licence: Terms of use.
        how_to_get: How to obtain it.
        homepage: Web address.
    """

    title: str
    licence: str
    how_to_get: str
    homepage: str = ""


class Batch(NamedTuple):
    """B clips of a split.

    Attributes:
        inputs: Features by modality.
        targets: Targets (B, ...) by modality, since labels may differ between modalities; empty in pretraining.
    """

    inputs: Mapping[str, Features]
    targets: Mapping[str, Tensor]


class Split(ABC):
    """A part of a data set, read by lists of indices. Open files on first use: each process opens its own."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of clips."""

    @abstractmethod
    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices``, in that order."""

    @property
    def ids(self) -> Sequence[str] | None:
        """Names of the recordings that the clips come from, or None; used to find test clips seen before."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """Tolerated file defects, one line each, for the report."""
        return ()

    @property
    def reads_files(self) -> bool:
        """Whether reading a clip opens and decodes files; then ``data.workers`` processes read copies of this split.

        False, the default, where clips are in memory or mapped into it: other processes would only copy them.
        """
        return False

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """Return an additional input of heads (B, *shape), equal for all modalities, e.g. a picture to segment."""
        return None

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        """Return what a clip is like at a time step, for `codaar atlas`; None if the source has nothing to show.

        Previews are optional. They are read one at a time, after evaluation, and may be slow.

        Args:
            index: Index of the clip.
            modality: The modality to show.
            step: Time step, from 0; a code of a whole clip is shown at its step 0.

        Raises:
            DataError: The recording is missing or damaged; the clip is then shown without preview.
        """
        return None


@attrs.frozen
class DataContext:
    """Passed to a data source when it is built.

    Attributes:
        modalities: Names of the model's modalities, in order.
    """

    modalities: tuple[str, ...]


class DataSource(Component):
    """Reads or generates features.

    Attributes:
        card: What a user must know about the data.
    """

    kind: ClassVar[str] = "data"
    card: ClassVar[Card]

    @property
    @abstractmethod
    def spaces(self) -> Mapping[str, Space]:
        """Spaces of the features, by modality, of all modalities of this source; must not open files."""

    @property
    def origin(self) -> str:
        """One line for reports: the data set, its version and how features were made."""
        return self.card.title

    @property
    def extraction(self) -> Mapping[str, str]:
        """Extractor of the features, by modality, e.g. "keras-vgg19-pool5"; other extractors' features are refused."""
        return {}

    def inventory(self, name: str) -> Sequence[str]:
        """Return which files of a split exist, one line each; empty if that is unknown without reading them."""
        return ()

    @abstractmethod
    def split(self, name: str) -> Split:
        """Open a split; every source must have the split "pretrain".

        Raises:
            DataError: The split does not exist, or files are missing or damaged; the message says where to get them.
        """

    @abstractmethod
    def synthetic(self, clips: int, seed: int) -> Split:
        """Return random clips in the shapes of the real data, without reading files; for dry runs and timing."""
