"""Sentences -> the BERT vectors of their first word pieces, computed once for each distinct sentence."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from codaar_core.api import DataError
from codaar_plugin_bert.frozen_bert import FrozenBert, Pieces, find_bert
from codaar_plugin_bert.piece_store import Memory, PieceStore, Shards

VERSION = 1  # of the computation; caches of other versions are not read
SHARD = 1024  # texts computed between two writes to the cache


class Words(NamedTuple):
    """Vectors of word pieces, padded with zeros."""

    values: np.ndarray  # (N, tokens, F) float32
    lengths: np.ndarray  # (N,) int64: number of real pieces

    @property
    def mask(self) -> np.ndarray:
        """(N, tokens), True for real pieces."""
        return np.arange(self.values.shape[1]) < self.lengths[:, None]


class WordPieces:
    """Text as the released code of arXiv 2605.12145 reads it: last hidden state of BERT, without [CLS] and [SEP].

    Args:
        weights: Folder with config.json, vocabulary and weights; None: bert-base-uncased in the Hugging Face cache.
        cache: Folder that stores the vectors of texts; None: they are stored in memory.
        tokens: Maximal number of word pieces of a sentence.
        keep: Table with a column ``token_id`` of the pieces to keep, except id 0; None: all are kept.

    Raises:
        DataError: BERT or the table is missing; the help says what to download.
    """

    def __init__(self, weights: str | None, cache: str | None, tokens: int = 10, keep: str | None = None) -> None:
        self.bert = FrozenBert(find_bert(weights))
        self.cache = None if cache is None else Path(cache).expanduser()
        self.tokens = tokens
        self.kept = None if keep is None else read_kept_tokens(Path(keep).expanduser())

    @property
    def width(self) -> int:
        """F of the vectors: 768 of bert-base."""
        return self.bert.width

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Give (N, tokens, F) float32, padded with zeros, as the released code reads it."""
        return self.words(texts).values

    def words(self, texts: Sequence[str]) -> Words:
        """Give the vectors and the number of real pieces.

        Raises:
            DataError: No word piece of a text is kept.
        """
        return padded(self.pieces(texts), self.tokens, self.width)

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Give the kept pieces of each text, without padding."""
        self.compute(texts)
        return [self._kept(text, pieces) for text, pieces in zip(texts, self._store.read(texts), strict=True)]

    def compute(self, texts: Sequence[str]) -> None:
        """Run BERT on the texts that are not in the cache, so that reading them later is fast."""
        missing = self._store.missing(texts)
        for start in range(0, len(missing), SHARD):
            new = missing[start : start + SHARD]
            self._store.add(dict(zip(new, self.bert.encode(new), strict=True)))

    def forget(self) -> None:
        """Drop the vectors in memory; those in files stay."""
        vars(self).pop("_store", None)

    @cached_property
    def _store(self) -> PieceStore:
        return Memory() if self.cache is None else Shards(self.cache / f"bert-{self.bert.identity[:16]}-{VERSION}")

    def _kept(self, text: str, pieces: Pieces) -> Pieces:
        kept = first_kept(pieces, self.tokens, self.kept)
        if not len(kept.tokens):
            raise DataError(f"no word piece of {text!r} is kept", "keep more token ids, or leave this text out")
        return kept


def first_kept(pieces: Pieces, tokens: int, kept: np.ndarray | None) -> Pieces:
    """The first ``tokens`` of the pieces whose id is in ``kept``, or of all pieces if it is None."""
    chosen = np.arange(len(pieces.tokens)) if kept is None else np.flatnonzero(np.isin(pieces.tokens, kept))
    return Pieces(pieces.tokens[chosen[:tokens]], pieces.vectors[chosen[:tokens]])


def padded(sentences: Sequence[Pieces], tokens: int, width: int) -> Words:
    """Pad sentences of at most ``tokens`` pieces with zeros."""
    values = np.zeros((len(sentences), tokens, width), np.float32)
    for row, pieces in zip(values, sentences, strict=True):
        row[: len(pieces.vectors)] = pieces.vectors
    return Words(values, np.array([len(pieces.tokens) for pieces in sentences], np.int64))


def read_kept_tokens(path: Path) -> np.ndarray:
    """Read the ids of a table with a column ``token_id``; 0 is the padding and left out.

    Raises:
        DataError: The file cannot be read, or has no such column of numbers.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            ids = {int(row["token_id"]) for row in csv.DictReader(file)}
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a table of token ids: {error}", "write a CSV file with a column token_id of numbers"
        ) from error
    return np.array(sorted(ids - {0}), np.int64)
