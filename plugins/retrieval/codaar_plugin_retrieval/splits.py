"""Splits of items, read from feature files, and of captions, read by BERT; targets are item numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from codaar_plugin_bert.word_pieces import WordPieces

from codaar_core.api import Batch, DataError, Features, Split
from codaar_core.features import absent_files, feature_file, read_array, refuse_other_values, refuse_unusable
from codaar_plugin_retrieval.captions import Item


class ItemSplit(Split):
    """Pictures or recordings: one file each, with any number of steps.

    Args:
        modality: Name of the modality.
        folder: Folder of the files ``ID.zip``, ``ID.npy``, ...
        items: Items in the order of their numbers.
        shape: Shape of a step; a file may also contain one step without a time axis.
        notes: Tolerated file defects.
        made_by: Tag of the extractor of the features.
    """

    def __init__(
        self,
        modality: str,
        folder: Path,
        items: Sequence[Item],
        shape: tuple[int, ...],
        notes: Sequence[str] = (),
        made_by: str | None = None,
    ) -> None:
        self.modality = modality
        self.folder = folder
        self.names = [item.id for item in items]
        self.shape = shape
        self.made_by = made_by
        self._notes = tuple(notes)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ids(self) -> list[str]:
        """Names of the pictures or recordings."""
        return self.names

    @property
    def notes(self) -> Sequence[str]:
        """Tolerated file defects."""
        return self._notes

    @property
    def reads_files(self) -> bool:
        """Each item is a file."""
        return True

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read items; shorter ones are padded with masked zeros."""
        values = [self.read(index) for index in indices]
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(each) for each in values], batch_first=True)
        lengths = torch.tensor([len(each) for each in values])
        mask = torch.arange(padded.shape[1]) < lengths.unsqueeze(1)
        return Batch({self.modality: Features(padded, mask)}, {self.modality: torch.as_tensor(indices)})

    def read(self, clip: int) -> np.ndarray:
        """Read one item (T, *shape) float32, without padding."""
        return read_steps(self.path(clip), self.shape, self.made_by)

    def path(self, clip: int) -> Path:
        """The file of an item."""
        return feature_file(self.folder, self.names[clip])

    def absent(self) -> list[Path]:
        """Files that do not exist."""
        return absent_files(self.folder, self.names)

    def refuse_absent(self) -> None:
        """Refuse a split with missing files before anything is read.

        Raises:
            DataError: Files are missing; it states their number and the first one.
        """
        absent = self.absent()
        if absent:
            raise DataError(f"{len(absent):,} of {len(self):,} items have no features, e.g. {absent[0]}")


def read_steps(path: Path, shape: tuple[int, ...], made_by: str | None = None) -> np.ndarray:
    """Read (T, *shape) float32.

    Raises:
        DataError: The file is missing, damaged, has another shape, was rounded to eight bits, or has values that the
            extractor ``made_by`` does not give.
    """
    values = read_array(path)
    values = values[None] if values.shape == shape else values
    refuse_unusable(values, shape, path)
    refuse_other_values(values, made_by, False, path)
    return np.ascontiguousarray(values, np.float32)


class CaptionSplit(Split):
    """All captions of all items.

    Args:
        modality: Name of the modality.
        items: Items in the order of their numbers.
        words: Reader of sentences.
    """

    def __init__(self, modality: str, items: Sequence[Item], words: WordPieces) -> None:
        self.modality = modality
        self.captions = [caption for item in items for caption in item.captions]
        self.owners = torch.tensor([number for number, item in enumerate(items) for _ in item.captions])
        self.names = [item.id for item in items]
        self.words = words

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def ids(self) -> list[str]:
        """Name of each caption's item."""
        return [self.names[number] for number in self.owners.tolist()]

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read captions, padded with masked zeros to the largest number of word pieces."""
        words = self.words.words([self.captions[index] for index in indices])
        features = Features(torch.from_numpy(words.values), torch.from_numpy(words.mask))
        return Batch({self.modality: features}, {self.modality: self.owners[torch.as_tensor(indices)]})
