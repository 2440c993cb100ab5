"""Benchmarks and heads: their contracts, and what they measure on codes that are known to be right."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_digits.classification import DigitsClassification
from codaar_plugin_digits.heads import ClipClassifier, MeanCode, SegmentClassifier
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
HEADS = [ClipClassifier, SegmentClassifier, MeanCode]


def built(kind, data, mode="strict"):
    return kind(kind.Config(), BenchmarkContext(MODALITIES, data, mode))


def head(kind, classes=11, **settings):
    torch.manual_seed(0)
    return kind(kind.Config(**settings), HeadContext(Space((12,)), Space((4,)), tuple("abcdefghijk"[:classes])))


def codes(clips=3, steps=10, mask=None) -> Quantized:
    generator = torch.Generator().manual_seed(clips)
    full = torch.randn(clips, steps, 12, generator=generator)
    return Quantized(torch.zeros(clips, steps, dtype=torch.long), full[..., :4], full, mask=mask)


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


def test_the_clip_classifier_takes_the_maximum_over_time():
    classifier, quantized = head(ClipClassifier, classes=10), codes()
    expected = torch.stack([classifier.classify(classifier.mix(clip).max(0).values) for clip in quantized.full])
    torch.testing.assert_close(classifier(quantized), expected)
    target = torch.tensor([1, 2, 3])
    loss = classifier.loss(expected, target)
    torch.testing.assert_close(loss, -expected.log_softmax(-1)[range(3), target].mean())
    assert torch.equal(classifier.predict(expected), expected.argmax(-1))


def test_the_segment_classifier_judges_each_second():
    classifier, quantized = head(SegmentClassifier), codes()
    logits = classifier(quantized)
    assert logits.shape == (3, 10, 11)
    target = (torch.rand(3, 10, 11) > 0.5).float()
    expected = -(target * logits.sigmoid().log() + (1 - target) * (1 - logits.sigmoid()).log()).mean()
    torch.testing.assert_close(classifier.loss(logits, target), expected)
    assert torch.equal(classifier.predict(logits), (logits.sigmoid() > 0.5).float())


@pytest.mark.parametrize("kind", [ClipClassifier, MeanCode])
def test_masked_steps_do_not_count(kind):
    mask = torch.arange(10).expand(3, 10) < torch.tensor([[4], [10], [1]])
    quantized = codes(mask=mask)
    changed = quantized._replace(full=torch.where(mask.unsqueeze(-1), quantized.full, torch.tensor(99.0)))
    model = head(kind)
    torch.testing.assert_close(model(quantized), model(changed))
    shortest = quantized.full[2:, :1]
    torch.testing.assert_close(model(quantized)[2:], model(codes(1)._replace(full=shortest)))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_heads_read_the_code_they_are_set_to_and_keep_its_type(kind, dtype):
    quantized = codes()
    quantized = quantized._replace(own=quantized.own.to(dtype), full=quantized.full.to(dtype))
    for code, unread in (("full", "own"), ("own", "full")):
        model = head(kind, code=code).to(dtype)
        output = model(quantized)
        assert output.dtype == dtype
        assert torch.equal(output, model(quantized._replace(**{unread: torch.full((3, 10, 1), torch.nan)})))


def test_the_mean_code_has_nothing_to_train():
    assert not list(head(MeanCode).parameters())
