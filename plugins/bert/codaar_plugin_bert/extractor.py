"""Extractor of text: a sentence -> the BERT vectors of its first word pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, Extractor, Space, setting
from codaar_plugin_bert.word_pieces import WordPieces

TOGETHER = 1024  # sentences whose batches are formed together


class BertExtractor(Extractor):
    """Last hidden state (768,) of bert-base-uncased for each of the first word pieces (code of arXiv 2605.12145).

    Raises:
        DataError: On first use, if the files of BERT are not on this machine; nothing is downloaded.
    """

    column = "text"

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the bert extractor."""

        weights: str | None = setting(
            None, "folder with the files of BERT, or unset for bert-base-uncased in the Hugging Face cache"
        )
        cache: str | None = setting(None, "folder that caches the vectors of sentences between runs")
        tokens: int = setting(10, "maximal number of word pieces of a sentence", ge(1))
        keep: str | None = setting(None, "table with a column token_id of the pieces to keep (released filter)")
        made_by: str = setting("bert-base-uncased", "name of the weights, as data sources declare it of their features")

    @property
    def output(self) -> Space:
        """(768,) with bert-base-uncased; one step a word piece."""
        return Space((self.words.width,))

    @property
    def made_by(self) -> str:
        """The setting ``made_by``."""
        return self.config.made_by

    @property
    def weights(self) -> Sequence[Path]:
        """Files of weights, vocabulary and settings of BERT."""
        return self.words.bert.files

    def prepare(self) -> None:
        """Load BERT."""
        self.words.bert.encode([])

    def extract(self, source: Path | str) -> Tensor:
        """Turn a sentence into (T, 768), with T its number of word pieces, at most ``tokens``."""
        return torch.from_numpy(self.words.pieces([str(source)])[0].vectors)

    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each sentence into (T, 768); those with the same number of word pieces share a batch."""
        for start in range(0, len(sources), TOGETHER):
            texts = [str(source) for source in sources[start : start + TOGETHER]]
            self.words.compute(texts)
            yield from super().extract_each(texts)
            self.words.forget()

    @cached_property
    def words(self) -> WordPieces:
        """Reader of sentences; it looks for BERT on first use."""
        config = self.config
        return WordPieces(config.weights, config.cache, config.tokens, config.keep)
