"""Benchmarks: their contracts, and what they measure on codes that are known to be right."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.heads import MeanCode
from codaar_plugin_digits.classification import DigitsClassification
from codaar_plugin_digits.localization import DigitsLocalization
from codaar_plugin_digits.retrieval import DigitsRetrieval
from torch import Tensor

from codaar_core.api import (
    BenchmarkContext,
    ComponentError,
    HeadContext,
    Predicted,
    Quantized,
    Space,
    Transfer,
)

MODALITIES = ("audio", "video", "text")
BENCHMARKS = [DigitsClassification, DigitsLocalization, DigitsRetrieval]


def built(kind, data, mode="strict"):
    return kind(kind.Config(), BenchmarkContext(MODALITIES, data, mode))


@pytest.mark.parametrize("kind", BENCHMARKS)
def test_the_headline_comes_first_and_every_pair_is_a_transfer(digits, kind):
    benchmark = built(kind, digits)
    headline = {DigitsClassification: "accuracy", DigitsLocalization: "segment_f1", DigitsRetrieval: "R@1"}
    assert next(iter(benchmark.metrics)) == headline[kind]
    assert len(benchmark.transfers()) == 6


@pytest.mark.parametrize("kind", BENCHMARKS)
def test_only_transfers_with_text_have_a_caveat(digits, kind):
    benchmark = built(kind, digits)
    assert benchmark.caveat(Transfer("audio", "video")) == ""
    for transfer in (Transfer("text", "video"), Transfer("audio", "text")):
        assert benchmark.caveat(transfer) == "templated text equals the label"


@pytest.mark.parametrize("kind", BENCHMARKS)
def test_other_data_or_another_mode_is_refused(digits, kind):
    with pytest.raises(ComponentError, match="object") as caught:
        built(kind, object())
    assert 'use = "digits"' in caught.value.help
    with pytest.raises(ComponentError, match="as-published") as caught:
        built(kind, digits, mode="as-published")
    assert "strict" in caught.value.help


@pytest.mark.parametrize("kind", BENCHMARKS)
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_split_shows_one_modality_with_its_targets(digits, kind, modality):
    split = built(kind, digits).split("test", modality)
    batch = split[range(len(split))]
    assert set(batch.inputs) == set(batch.targets) == {modality}
    assert len(batch.targets[modality]) == len(split)


def test_text_has_five_entries_an_item(digits):
    benchmark = built(DigitsRetrieval, digits)
    assert [len(benchmark.split("test", modality)) for modality in MODALITIES] == [30, 30, 150]


@pytest.mark.parametrize("kind", BENCHMARKS)
def test_the_truth_scores_one_and_constants_and_guesses_score_little(digits, kind):
    benchmark = built(kind, digits)
    target = benchmark.split("test", "video")[range(30)].targets["video"]
    perfect = Predicted(truth(kind, target), target)
    assert benchmark.score(perfect, perfect) == pytest.approx(dict.fromkeys(benchmark.metrics, 1.0))
    generator = torch.Generator().manual_seed(0)
    for prediction in [*benchmark.constants(target), benchmark.guess(target, generator)]:
        ignorant = Predicted(prediction, target)
        scores = benchmark.score(ignorant, ignorant) if kind is not DigitsRetrieval else None
        assert scores is None or next(iter(scores.values())) < 0.5


def truth(kind, target: Tensor) -> Tensor:
    return torch.eye(30)[target] if kind is DigitsRetrieval else target


def test_constant_embeddings_score_chance_on_every_pair_of_sizes(digits):
    benchmark = built(DigitsRetrieval, digits)
    clips, captions = torch.arange(30), torch.arange(30).repeat_interleave(5)
    for source, target in [(clips, clips), (captions, clips)]:
        pair = [Predicted(next(benchmark.constants(each)), each) for each in (source, target)]
        assert benchmark.score(*pair) == pytest.approx({"R@1": 1 / 30, "R@5": 5 / 30, "R@10": 10 / 30})


def test_guesses_follow_their_generator(digits):
    for kind in BENCHMARKS:
        benchmark = built(kind, digits)
        target = benchmark.split("test", "audio")[range(30)].targets["audio"]
        first, same = (benchmark.guess(target, torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first, same)


@pytest.mark.parametrize(("source", "target"), [("text", "video"), ("video", "text"), ("audio", "video")])
def test_ideal_codes_retrieve_almost_everything(make_digits, source, target):
    """A code a word, the same in all modalities: what is left to miss is due to filler words alone."""
    benchmark = built(DigitsRetrieval, make_digits(("text",), retrieval=500))
    embedding = {"text": ideal_embedding(benchmark.split("test", "text"), "text")}
    embedding["video"] = embedding["audio"] = ideal_embedding(benchmark.data.split("retrieval/test"), "text")
    assert benchmark.score(embedding[source], embedding[target])["R@1"] > 0.9


def ideal_embedding(split, modality: str) -> Predicted:
    """Give each word an orthogonal code; fillers have codes of their own."""
    batch = split[range(len(split))]
    values, mask = batch.inputs[modality]
    words, index = torch.unique(values.flatten(0, 1), dim=0, return_inverse=True)
    vocabulary = hashed_codes(words)[index].view(*values.shape[:2], -1)
    quantized = Quantized(index.view(values.shape[:2]), vocabulary[..., :4], vocabulary, mask=mask)
    mean = MeanCode(MeanCode.Config(), HeadContext(Space((512,)), Space((4,)), ()))
    return Predicted(mean.predict(mean(quantized)), batch.targets[modality])


def hashed_codes(words: Tensor) -> Tensor:
    """Random codes that depend on the word alone."""
    seeds = (words[:, 0].double() * 1e6).long()
    return torch.stack([torch.randn(512, generator=torch.Generator().manual_seed(int(abs(seed)))) for seed in seeds])
