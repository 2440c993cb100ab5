"""What the retrieval benchmarks share: both directions by the cosine of mean codes, nothing trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import torch
from attrs.validators import and_, ge, le
from codaar_plugin_bert.frozen_bert import made_by
from codaar_plugin_bert.word_pieces import WordPieces
from torch import Tensor

from codaar_core.api import (
    Benchmark,
    BenchmarkContext,
    Card,
    ComponentError,
    DataError,
    Predicted,
    Transfer,
    setting,
)
from codaar_core.features import BadClips, ClipSplit
from codaar_plugin_retrieval.captions import Item
from codaar_plugin_retrieval.search import Search, by_index, distinct, expected, optimistic, pessimistic, search
from codaar_plugin_retrieval.splits import CaptionSplit, ItemSplit

KS = (1, 5, 10)
ORDERS = ("", "_by_index")  # of equal embeddings, in the metrics that published numbers stand beside
GUESS_WIDTH = 16


class Retrieval(Benchmark):
    """Find the item of a caption, and a caption of an item.

    Predictions are embeddings (N, W), targets the number (N,) of the item that each belongs to. Equal embeddings stand
    in random order: R@k is the expected value, between the bounds "optimistic" and "pessimistic". "by_index" breaks
    ties as released code does; "distinct" is the share of items that could be told apart at best.

    In mode "as-published" a caption becomes one code: the mean over its words is quantized. In mode "strict" every word
    is, and codes are averaged.

    Raises:
        ComponentError: The model lacks one of the two modalities.
    """

    head = "mean-code"
    example = {"modality": "north", "text": "east"}
    card: ClassVar[Card]
    shape: ClassVar[tuple[int, ...]]  # of one step of an item

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of all retrieval benchmarks."""

        root: str | None = setting(None, "Folder of captions and features; needed to read any.")
        text: str = setting("text", "Which modality of the model reads captions.")
        tokens: int = setting(30, "Word pieces of a caption, at most (working code of CoDAAR's authors: 30).", ge(1))
        bert: str | None = setting(None, "Folder of BERT's weights; none: bert-base-uncased of the Hugging Face cache.")
        cache: str | None = setting(None, "Folder where the vectors of captions are kept; none: in memory.")
        pretraining: Literal["40k", "90k", "other"] = setting(
            "40k", "Whose published numbers to show: CoDAAR's, by pretraining clips; other: none."
        )
        bad_clips: Literal["refuse", "skip"] = setting("refuse", "What to do with clips that cannot be read.")
        bad_share: float = setting(0.02, "Share of the clips that may be skipped.", and_(ge(0.0), le(1.0)))

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.as_published = context.mode == "as-published"
        missing = [each for each in (config.modality, config.text) if each not in context.modalities]
        if missing:
            raise ComponentError(
                f"retrieval needs the modality {missing[0]!r}; the model has {', '.join(context.modalities)}",
                "set `modality` and `text` to the names that the recipe gives them, or train a model that has both",
            )

    @abstractmethod
    def read_items(self) -> list[Item]:
        """Read the captions file."""

    @property
    @abstractmethod
    def recalls(self) -> tuple[float, float, float]:
        """Published R@1, R@5, R@10 as fractions."""

    @property
    def classes(self) -> tuple[str, ...]:
        """None: embeddings are compared."""
        return ()

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Of what a search has found."""
        named: dict[str, Callable[[Search], float]] = {f"R@{k}": partial(expected, k=k) for k in KS}
        for how in (optimistic, pessimistic, by_index):
            named |= {f"R@{k}_{how.__name__}": partial(how, k=k) for k in KS}
        return {**named, "distinct": distinct}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings say, files do not; of text, by the weights of BERT."""
        return {self.config.modality: self.config.made_by, self.config.text: made_by(self.config.bert)}

    @property
    def summarised(self) -> tuple[str, ...]:
        """Text, as published."""
        return (self.config.text,) if self.as_published else ()

    def transfers(self) -> list[Transfer]:
        """Both directions."""
        item, text = self.config.modality, self.config.text
        return [Transfer(item, text), Transfer(text, item)]

    @property
    def published(self) -> Mapping[str, float]:
        """Table 3 of arXiv 2605.12145, which does not say of which direction: shown beside both."""
        if not self.as_published or self.config.pretraining == "other":
            return {}
        recalls = {f"R@{k}{how}": recall for k, recall in zip(KS, self.recalls, strict=True) for how in ORDERS}
        return {f"{a}->{b}/{metric}": recall for a, b in self.transfers() for metric, recall in recalls.items()}

    def split(self, role: str, modality: str) -> ItemSplit | CaptionSplit:
        """Only test clips: nothing is trained. Which files are there is looked at first, and all captions are read."""
        if role != "test":
            raise DataError(f"retrieval has no {role} clips", "use a head without parameters: mean-code")
        if modality == self.config.text:
            captions = CaptionSplit(modality, self.items, self.words)
            self.words.compute(captions.captions)
            return captions
        folder, notes = self.at(self.config.features), self._readable.notes
        items = ItemSplit(modality, folder, self.items, self.shape, notes)
        items.refuse_absent()
        return items

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Let every entry of the source look for its item among the entries of the target."""
        found = search(source, target)
        return {name: metric(found) for name, metric in self.metrics.items()}

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same embedding for all."""
        yield torch.ones(len(target), 1)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Random embeddings."""
        return torch.randn(len(target), GUESS_WIDTH, generator=generator)

    def at(self, path: str) -> Path:
        """A path under the root."""
        if self.config.root is None:
            raise DataError(f"{self.card.title}: the recipe does not say where its files are", self.card.how_to_get)
        return Path(self.config.root).expanduser() / path

    @cached_property
    def items(self) -> Sequence[Item]:
        """Pictures or recordings with their captions: one that is skipped takes its captions with it."""
        return [self._all_items[item] for item in self._readable.kept]

    @cached_property
    def _readable(self) -> ClipSplit:
        """All pictures or recordings, under the rule for those that cannot be read."""
        modality, rule = self.config.modality, BadClips(self.config.bad_clips, self.config.bad_share)
        files = ItemSplit(modality, self.at(self.config.features), self._all_items, self.shape)
        return ClipSplit(files.ids, {modality: files}, bad_clips=rule)

    @cached_property
    def _all_items(self) -> list[Item]:
        items = self.read_items()
        if not items:
            raise DataError(f"{self.at(self.config.captions)} has no captions", self.card.how_to_get)
        return items

    @cached_property
    def words(self) -> WordPieces:
        """Reader of captions; no word piece is dropped."""
        return WordPieces(self.config.bert, self.config.cache, self.config.tokens)
