"""Which clips the open-set test has, its threshold, and its two modes; on a classification of small vectors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy
from codaar_plugin_open_set.clips import labels_of
from codaar_plugin_open_set.heads import OpenSetClassifier
from codaar_plugin_open_set.open_set import OpenSet

from codaar_core.api import (
    Batch,
    BenchmarkContext,
    ComponentError,
    DataError,
    Features,
    HeadContext,
    Predicted,
    Quantized,
    Space,
    Split,
    Transfer,
)

CLASSES = tuple("abcde")
MODALITIES = ("one", "other")
KNOWN = 3


class Numbered(Split):
    """Clip i has the features i and the class i modulo 5."""

    def __init__(self, first: int, clips: int, modality: str) -> None:
        self.numbers = torch.arange(first, first + clips)
        self.modality = modality

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, indices):
        numbers = self.numbers[torch.as_tensor(list(indices))]
        features = Features(numbers.float().view(-1, 1, 1))
        return Batch({self.modality: features}, {self.modality: numbers % len(CLASSES)})

    @property
    def ids(self):
        return [f"clip {number}" for number in self.numbers.tolist()]


class Five(ClipLabels):
    """Five classes."""

    head = "clip-classifier"
    classes = CLASSES
    metrics = {"accuracy": accuracy}  # noqa: RUF012
    chosen = "last"

    @property
    def selection(self):
        return self.chosen

    def caveat(self, transfer):
        return "toy"

    def split(self, role, modality):
        return Numbered({"train": 0, "validation": 100, "test": 200}[role], 50, modality)


class WithValidation(Five):
    """Has validation clips."""

    chosen = "validation"


def open_set(base: Callable[..., Five] = Five, mode: str = "strict", **config: object) -> OpenSet:
    context = BenchmarkContext(MODALITIES, None, mode)
    full = BenchmarkContext(MODALITIES, None, mode, lambda name: base(base.Config(), context))
    return OpenSet(OpenSet.Config(**{"of": "five", "known": KNOWN, **config}), full)


def numbers(split: Split) -> set[int]:
    batch = split[range(len(split))]
    found = batch.inputs["one"].values.flatten().int().tolist()
    assert split.ids == [f"clip {number}" for number in found]
    assert batch.targets["one"].tolist() == [min(number % 5, KNOWN) for number in found]
    return set(found)


def test_heads_see_known_classes_and_the_test_all() -> None:
    benchmark = open_set()
    train, validation = numbers(benchmark.split("train", "one")), numbers(benchmark.split("validation", "one"))
    assert train | validation == {n for n in range(50) if n % 5 < KNOWN}
    assert not train & validation and len(validation) == round(0.2 * 30)
    assert numbers(benchmark.split("test", "one")) == set(range(200, 250))
    assert numbers(benchmark.split("validation", "one")) == validation
    assert (benchmark.classes, benchmark.calibrated, benchmark.selection) == (("a", "b", "c"), True, "last")


def test_validation_clips_of_the_benchmark_are_used_where_it_has_some() -> None:
    benchmark = open_set(WithValidation)
    assert numbers(benchmark.split("train", "one")) == {n for n in range(50) if n % 5 < KNOWN}
    assert numbers(benchmark.split("validation", "one")) == {n for n in range(100, 150) if n % 5 < KNOWN}


def test_as_published_the_test_clips_choose_and_the_report_says_so() -> None:
    benchmark = open_set(mode="as-published")
    assert numbers(benchmark.split("train", "one")) == {n for n in range(50) if n % 5 < KNOWN}
    assert (benchmark.calibrated, benchmark.selection) == (False, "test")
    assert "test clips choose threshold" in benchmark.caveat(Transfer(*MODALITIES))
    assert open_set().caveat(Transfer(*MODALITIES)) == "toy"
    prediction = torch.tensor([[0.9, 0.1, 0, 1.0], [0.5, 0.3, 0.2, 1.0]])  # the head's threshold rejects both
    scored = [each.metrics["h_score"](prediction, torch.tensor([0, KNOWN])) for each in (open_set(), benchmark)]
    assert scored == [0.0, 1.0]


def test_the_threshold_is_a_quantile_of_validation_clips_and_kept_with_the_weights() -> None:
    context = HeadContext(Space((2,)), Space((2,)), ("a", "b"))
    head = OpenSetClassifier(OpenSetClassifier.Config(rejected=0.25), context)
    logits = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    head.calibrate(logits, torch.zeros(40))
    predicted = head.predict(logits)
    assert int((predicted[:, :2].amax(1) < predicted[:, 2]).sum()) == 10
    torch.testing.assert_close(predicted[:, :2], logits.softmax(-1))
    assert torch.equal(head.state_dict()["threshold"], predicted[0, 2])
    codes = torch.zeros(1, 3, dtype=torch.int64)
    assert head(Quantized(codes, torch.ones(1, 3, 2), torch.ones(1, 3, 2))).shape == (1, 2)


def test_no_unknown_class_is_refused() -> None:
    with pytest.raises(ComponentError, match="known = 5 leaves none unknown"):
        open_set(known=5)


def test_heads_without_probabilities_are_refused() -> None:
    predicted = Predicted(torch.zeros(4, dtype=torch.int64), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ComponentError, match="not 3 probabilities and a threshold"):
        open_set().score(predicted, predicted)


def test_several_labels_per_clip_are_refused() -> None:
    class Several(Numbered):
        def __getitem__(self, indices):
            batch = super().__getitem__(indices)
            return batch._replace(targets={"one": torch.zeros(len(indices), 5)})

    with pytest.raises(DataError, match="not one class index per clip"):
        labels_of(Several(0, 5, "one"), "one")
