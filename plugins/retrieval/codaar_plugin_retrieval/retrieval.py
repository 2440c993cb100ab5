"""Base of the retrieval benchmarks: search by the cosine of mean codes in both directions, without training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import attrs
import torch
from attrs.validators import ge
from codaar_plugin_bert.frozen_bert import made_by
from codaar_plugin_bert.word_pieces import WordPieces
from codaar_plugin_cmg.settings import PRETRAINING_EXAMPLES, PublishedSettings
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
from codaar_core.features import ClipFileSettings, ClipSplit
from codaar_plugin_retrieval.captions import Item
from codaar_plugin_retrieval.search import Search, by_index, distinct, expected, optimistic, pessimistic, search
from codaar_plugin_retrieval.splits import CaptionSplit, ItemSplit

KS = (1, 5, 10)
ORDERS = ("", "_by_index")  # orders of equal embeddings: metrics that published scores are shown beside
GUESS_WIDTH = 16


class Retrieval(Benchmark):
    """Find the item of a caption, and a caption of an item.

    Predictions are embeddings (N, W), targets the number (N,) of the item of each. Equal embeddings are in random
    order: R@k is the expected value, between the bounds "optimistic" and "pessimistic". "by_index" breaks ties as
    released code does; "distinct" is the fraction of items that could be told apart at best.

    Mode "as-published": a caption becomes one code, that of the mean over its words. Mode "strict": every word becomes
    a code, and the codes are averaged.

    Raises:
        ComponentError: The model lacks one of the two modalities.
    """

    head = "mean-code"
    example = {"modality": "north", "text": "east"}
    examples = PRETRAINING_EXAMPLES
    card: ClassVar[Card]
    shape: ClassVar[tuple[int, ...]]  # of one step of an item's features

    @attrs.frozen(kw_only=True)
    class Config(PublishedSettings, ClipFileSettings):
        """Settings of all retrieval benchmarks."""

        text: str = setting("text", "modality of the model that reads captions")
        tokens: int = setting(30, "largest number of word pieces of a caption (30: working code of the authors)", ge(1))
        bert: str | None = setting(None, "folder of BERT's weights; none: bert-base-uncased of the Hugging Face cache")
        cache: str | None = setting(None, "folder where vectors of captions are stored; none: only in memory")

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
        """Read the caption file."""

    @property
    @abstractmethod
    def recalls(self) -> tuple[float, float, float]:
        """Published R@1, R@5, R@10 as fractions."""

    @property
    def classes(self) -> tuple[str, ...]:
        """No classes: embeddings are compared."""
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
        """As the settings state; for text, the tag of BERT's weights.

        Raises:
            DataError: ``extraction.toml`` beside the features says another extractor, or cannot be read.
        """
        return {self.config.modality: self._made_by, self.config.text: made_by(self.config.bert)}

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
        """Table 3 of arXiv 2605.12145, shown beside both directions because the paper does not state which it is."""
        if not self.as_published or self.config.pretraining == "other":
            return {}
        recalls = {f"R@{k}{how}": recall for k, recall in zip(KS, self.recalls, strict=True) for how in ORDERS}
        return {f"{a}->{b}/{metric}": recall for a, b in self.transfers() for metric, recall in recalls.items()}

    def split(self, role: str, modality: str) -> ItemSplit | CaptionSplit:
        """Test clips, after a check that all files exist; there are no others, as nothing is trained."""
        if role != "test":
            raise DataError(f"retrieval has no {role} clips", "use a head without parameters: mean-code")
        if modality == self.config.text:
            captions = CaptionSplit(modality, self.items, self.words)
            self.words.compute(captions.captions)
            return captions
        items = self._files(self.items, self._readable.notes)
        items.refuse_absent()
        return items

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Search the item of every source entry among the target entries."""
        found = search(source, target)
        return {name: metric(found) for name, metric in self.metrics.items()}

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same embedding for all."""
        yield torch.ones(len(target), 1)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Random embeddings."""
        return torch.randn(len(target), GUESS_WIDTH, generator=generator)

    def at(self, path: str) -> Path:
        """A path relative to ``root``."""
        return self.config.at(path, self.card)

    @cached_property
    def items(self) -> Sequence[Item]:
        """Pictures or recordings with their captions; a skipped item is left out together with its captions."""
        return [self._all_items[item] for item in self._readable.kept]

    @cached_property
    def _readable(self) -> ClipSplit:
        """All pictures or recordings that can be read, by the rule for those that cannot."""
        files = self._files(self._all_items)
        return ClipSplit(files.ids, {files.modality: files}, bad_clips=self.config.bad_clip_rule())

    def _files(self, items: Sequence[Item], notes: Sequence[str] = ()) -> ItemSplit:
        config = self.config
        return ItemSplit(config.modality, self.at(config.features), items, self.shape, notes, self._made_by)

    @property
    def _made_by(self) -> str:
        """Tag of the extractor of the items, compared with ``extraction.toml``."""
        tag: str = self.config.agreed_extractor(self.config.features, self.config.made_by, "made_by")
        return tag

    @cached_property
    def _all_items(self) -> list[Item]:
        items = self.read_items()
        if not items:
            raise DataError(f"{self.at(self.config.captions)} has no captions", self.card.how_to_get)
        return items

    @cached_property
    def words(self) -> WordPieces:
        """Reader of captions that keeps every word piece."""
        return WordPieces(self.config.bert, self.config.cache, self.config.tokens)
