"""Heads: against their definitions, the released ones, and what every head must keep."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.heads import (
    AveAvvpClassifier,
    AvvpClassifier,
    ClipClassifier,
    ExpLogLoss,
    MeanCode,
    SegmentClassifier,
)
from torch import Tensor

from codaar_core.api import HeadContext, Quantized, Space

HEADS = [ClipClassifier, SegmentClassifier, AveAvvpClassifier, AvvpClassifier, MeanCode]


def head(kind, classes=11, **settings):
    torch.manual_seed(0)
    return kind(kind.Config(**settings), HeadContext(Space((12,)), Space((4,)), tuple("abcdefghijk"[:classes])))


def codes(clips=3, steps=10, mask=None) -> Quantized:
    generator = torch.Generator().manual_seed(clips)
    indices = torch.randint(20, (clips, steps), generator=generator)
    full = torch.randn(20, 12, generator=generator)[indices]
    return Quantized(indices, full[..., :4], full, mask=mask)


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
    changed = quantized._replace(
        indices=quantized.indices.where(mask, torch.tensor(99)),
        full=quantized.full.where(mask.unsqueeze(-1), torch.tensor(99.0)),
    )
    model = head(kind)
    torch.testing.assert_close(model(quantized), model(changed))
    shortest = quantized.full[2:, :1]
    torch.testing.assert_close(model(quantized)[2:], model(codes(1, 1)._replace(full=shortest)))


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


@pytest.mark.parametrize("kind", [ClipClassifier, SegmentClassifier, AvvpClassifier])
@pytest.mark.parametrize("masked", [False, True])
def test_mapping_each_distinct_code_once_changes_no_value_and_no_gradient(kind, masked):
    """Beside codes that are all called different, each of which is mapped by itself."""
    mask = torch.arange(10).expand(3, 10) < torch.tensor([[4], [10], [1]]) if masked else None
    quantized, gradients = codes(mask=mask), []
    assert len(quantized.indices.unique()) < quantized.indices.numel()
    for indices in (quantized.indices, torch.arange(30).view(3, 10)):
        full = quantized.full.double().requires_grad_()
        model = head(kind).double()
        logits = model(quantized._replace(indices=indices, full=full))
        logits.square().sum().backward()
        gradients.append([logits, *(weight.grad for weight in model.parameters() if weight.grad is not None)])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_the_mean_code_has_nothing_to_train():
    assert not list(head(MeanCode).parameters())


NAMES = {"mix": "linear", "narrow": "fusion_layer", "mix_again": "linear1", "classify": "event_classifier"}


@pytest.mark.parametrize(
    ("file", "kind"),
    [("head_ave", ClipClassifier), ("head_aveavvp", AveAvvpClassifier), ("head_avvp1", AvvpClassifier)],
)
def test_heads_give_what_the_released_ones_give(file, kind, released_numbers):
    numbers = released_numbers(file)
    ours = kind(kind.Config(), HeadContext(Space((24,)), Space((8,)), tuple("abcde"))).double()
    with torch.no_grad():
        for name, parameter in layers(ours):
            parameter.copy_(numbers[f"w_{name}"])
    codes = numbers["in0"].view(4, 10, 24).requires_grad_()
    logits = ours(Quantized(torch.arange(40).view(4, 10), codes, codes))
    logits.backward(numbers["ct0"].view_as(logits))
    torch.testing.assert_close(logits, numbers["out0"].view_as(logits), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(codes.grad, numbers["grad_in0"].view_as(codes), rtol=1e-12, atol=1e-12)
    for name, parameter in layers(ours):
        torch.testing.assert_close(parameter.grad, numbers[f"grad_{name}"], rtol=1e-12, atol=1e-12)


def layers(model) -> list[tuple[str, Tensor]]:
    """Parameters of the layers under their released names."""
    split = ((*name.split("."), parameter) for name, parameter in model.named_parameters())
    return [(f"{NAMES[layer]}.{part}", parameter) for layer, part, parameter in split if layer in NAMES]


@pytest.mark.parametrize("batch", range(4))
def test_the_losses_are_the_released_ones(batch, released_numbers):
    numbers = released_numbers("metrics")
    logits, target = numbers[f"el_logits{batch}"], numbers[f"ml_labels{batch}"]
    model = AvvpClassifier(
        AvvpClassifier.Config(), HeadContext(Space((4,)), Space((4,)), tuple(map(str, range(26))))
    ).double()
    with torch.no_grad():
        model.exp_log.alpha.copy_(numbers[f"explog_alpha{batch}"])
    fading = model.exp_log(logits, target)
    fading.backward()
    expected, both = numbers[f"explog{batch}"], numbers[f"explog{batch}"] + numbers[f"bce{batch}"]
    single = {"rtol": 1e-6, "atol": 1e-6}  # the released code has weights and cross-entropy in single precision
    torch.testing.assert_close(fading, expected, **single)
    torch.testing.assert_close(model.exp_log.alpha.grad, numbers[f"explog_grad_alpha{batch}"], **single)
    torch.testing.assert_close(model.loss(logits, target), both, **single)


def test_alpha_is_clipped_as_in_the_released_scripts():
    """AVE->AVVP clips the gradient of alpha separately, AVVP not at all."""
    separately, never = head(AveAvvpClassifier), head(AvvpClassifier)
    assert (separately.clipped_apart, separately.not_clipped) == ((separately.exp_log,), ())
    assert (never.clipped_apart, never.not_clipped) == ((), (never.exp_log,))


def test_exp_log_loss_is_its_definition():
    model = ExpLogLoss(3)
    assert model.alpha.tolist() == pytest.approx([0.1] * 3)
    with torch.no_grad():
        model.alpha.copy_(torch.tensor([0.0, 0.5, -1.0]))
    alpha = model.alpha.detach()
    logits, target = torch.randn(2, 4, 3), (torch.rand(2, 4, 3) > 0.5).long()
    total = 0.0
    for b in range(2):
        for t in range(4):
            shares = logits[b, t].exp() / logits[b, t].exp().sum()
            total -= sum(float(shares[c].log() * (-alpha[c]).exp()) for c in range(3) if target[b, t, c])
    assert model(logits, target).item() == pytest.approx(total / 8, rel=1e-5)
