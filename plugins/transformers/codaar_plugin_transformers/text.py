"""Extractor hf-text: a model of sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import DataError, setting
from codaar_plugin_transformers.model_extractor import ModelExtractor, ModelSettings

TOGETHER = 1024  # sentences whose batches are formed together


class Tokens(NamedTuple):
    """A sentence as the model reads it."""

    ids: list[int]
    special: list[int]  # 1 for tokens that the tokenizer adds


class TextExtractor(ModelExtractor):
    """Features of a model of sentences (BERT, sentence encoders, text part of CLIP, encoder of T5, ...).

    Only sentences with the same number of tokens share a batch, so that there is no padding.

    Raises:
        DataError: On first use: files are missing, or the model has no such layer or pool; nothing is downloaded.
    """

    column = "text"
    example = {"model": "sentence-transformers/all-MiniLM-L6-v2"}
    examples = ({"pool": "tokens", "layer": 1}, {"pool": "cls"})
    prepares = "AutoTokenizer"
    parts = ("text_model",)

    @attrs.frozen(kw_only=True)
    class Config(ModelSettings):
        """Settings of the hf-text extractor."""

        pool: Literal["mean", "cls", "pooler", "tokens"] = setting(
            "mean", 'one step a sentence: "mean" of all tokens, "cls" token, "pooler"; or "tokens", a step a token'
        )
        tokens: int = setting(64, "maximal number of tokens of a sentence, with those that the tokenizer adds", ge(3))

    @torch.inference_mode()
    def extract_each(self, sources: Sequence[Path | str]) -> Iterator[Tensor | DataError]:
        """Turn each sentence into (1, C), or (T, C) with pool = "tokens"."""
        for start in range(0, len(sources), TOGETHER):
            sentences = [self._tokens(str(source)) for source in sources[start : start + TOGETHER]]
            yield from self._features(sentences)

    @torch.inference_mode()
    def example_features(self) -> Tensor:
        """Features of a short sentence."""
        return self._features([self._tokens("a")])[0]

    def _tokens(self, sentence: str) -> Tokens:
        found = self.processor(
            sentence, truncation=True, max_length=self.config.tokens, return_special_tokens_mask=True
        )
        return Tokens(found["input_ids"], found["special_tokens_mask"])

    def _features(self, sentences: Sequence[Tokens]) -> list[Tensor]:
        found: dict[int, Tensor] = {}
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row].ids))
        for _, group in groupby(order, key=lambda row: len(sentences[row].ids)):
            rows = list(group)
            for start in range(0, len(rows), self.config.batch):
                some = rows[start : start + self.config.batch]
                found |= zip(some, self._of_equal_length([sentences[row] for row in some]), strict=True)
        return [found[row] for row in range(len(sentences))]

    def _of_equal_length(self, sentences: Sequence[Tokens]) -> list[Tensor]:
        ids = torch.tensor([sentence.ids for sentence in sentences])
        found = self.run({"input_ids": ids})
        if self.config.pool == "pooler":
            return list(self.pooled(found)[:, None])
        hidden = self.hidden(found)
        if self.config.pool == "tokens":
            return [
                each[[number for number, added in enumerate(sentence.special) if not added]]
                for each, sentence in zip(hidden, sentences, strict=True)
            ]
        if self.config.pool == "cls":
            if self.processor.cls_token_id is None or sentences[0].ids[0] != self.processor.cls_token_id:
                raise self.refused("has no cls token", 'set pool = "mean" or "pooler"')
            return list(hidden[:, :1])
        return list(hidden.mean(1, keepdim=True))
