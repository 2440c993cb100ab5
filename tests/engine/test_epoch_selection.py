"""Selection of a head's epoch, with a head whose accuracy in each epoch is given."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from codaar_core.api import Batch, Features, Measure, Quantized, Split
from codaar_core.engine.assembly.model import clip_groups
from codaar_core.engine.evaluation.encode_split import EncodedSplit, encoder_dropout
from codaar_core.engine.evaluation.epoch_selection import EpochSelector

CLIPS = 10


class Clips(Split):
    def __len__(self):
        return CLIPS

    def __getitem__(self, indices):
        return Batch({"a": Features(torch.zeros(len(indices), 1, 1))}, {"a": torch.ones(len(indices))})


class Scripted(nn.Module):
    """Predicts a given number of clips correctly, by modality; the code of all clips of a modality is its index."""

    def __init__(self):
        super().__init__()
        self.right = nn.Parameter(torch.zeros(3), requires_grad=False)

    def forward(self, codes):
        return (torch.arange(CLIPS) < self.right[codes.indices[0, 0]]).float()

    def predict(self, logits):
        return logits


class Lookup:
    def lookup(self, modality, indices):
        return Quantized(indices, torch.zeros(*indices.shape, 1), torch.zeros(*indices.shape, 1))


def encoded(modality: str, index: int) -> EncodedSplit:
    return EncodedSplit(modality, torch.full((CLIPS, 1), index), None, torch.ones(CLIPS), Clips())


def accuracy(prediction, target):
    return float((prediction == target).float().mean())


def error(prediction, target):
    return 1 - accuracy(prediction, target)


ACCURACY, ERROR = Measure(accuracy), Measure(error, unit="", higher_is_better=False)


def trained(selection: str, epochs: list[list[float]], measure: Measure = ACCURACY) -> tuple[Scripted, EpochSelector]:
    """A head trained on "a" (code 0) and tested on "a" and "b" (code 1); codes 2 and 0 are their validation clips."""
    benchmark = SimpleNamespace(
        selection=selection,
        calibrated=False,
        measures={"first": measure, "other": Measure(lambda prediction, target: 0.0)},
        score=lambda source, target: {"first": measure(target.prediction, target.target), "other": 0.0},
    )
    head = Scripted()
    validation = {"a": encoded("a", 2), "b": encoded("b", 0)}
    selector = EpochSelector(head, benchmark, "a", Lookup(), {"a": encoded("a", 0), "b": encoded("b", 1)}, validation)
    for right in epochs:
        head.right.copy_(torch.tensor(right))
        selector.end_epoch()
    return head, selector.finish()


def right(selector: EpochSelector) -> dict[str, float]:
    return {modality: float(each.prediction.sum()) for modality, each in selector.predictions.items()}


EPOCHS = [[1.0, 9.0, 2.0], [5.0, 4.0, 7.0], [6.0, 3.0, 7.0], [4.0, 5.0, 3.0]]


def test_last_selects_last_epoch():
    assert right(trained("last", EPOCHS)[1]) == {"a": 4, "b": 5}


@pytest.mark.parametrize("measure", [ACCURACY, ERROR])
def test_validation_selects_earliest_best_epoch_and_its_weights(measure):
    head, selector = trained("validation", EPOCHS, measure)
    assert right(selector) == {"a": 5, "b": 4}
    assert head.right.tolist() == [5, 4, 7]


def test_target_validation_selects_an_epoch_per_transfer():
    head, selector = trained("target-validation", EPOCHS)
    assert right(selector) == {"a": 5, "b": 3}
    assert head.right.tolist() == [4, 5, 3], "its weights are those of the last epoch"


@pytest.mark.parametrize("measure", [ACCURACY, ERROR])
def test_test_selects_best_epoch_per_transfer(measure):
    head, selector = trained("test", EPOCHS, measure)
    assert right(selector) == {"a": 6, "b": 9}
    assert head.right.tolist() == [4, 5, 3], "its weights are those of the last epoch"


@pytest.mark.parametrize("selection", ["last", "validation", "target-validation", "test"])
def test_untrained_head_is_tested(selection):
    assert right(trained(selection, [])[1]) == {"a": 0, "b": 0}


def test_encoder_dropout_is_on_and_buffers_are_restored():
    encoder = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    model = SimpleNamespace(encoders=nn.ModuleDict({"a": encoder}).eval())
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    with encoder_dropout(model):
        assert (encoder(torch.randn(64, 4)) == 0).any()
    assert not encoder.training
    for name, buffer in encoder.named_buffers():
        torch.testing.assert_close(buffer, before[name])


def test_clipped_apart_parts_of_a_head_are_groups_of_their_own():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.extra = nn.Linear(2, 2), nn.Linear(2, 1)

        @property
        def clipped_apart(self):
            return (self.extra,)

    head = Head()
    body, extra = clip_groups([head], head.clipped_apart)
    assert {id(each) for each in body} == {id(each) for each in head.body.parameters()}
    assert {id(each) for each in extra} == {id(each) for each in head.extra.parameters()}
    (alone,) = clip_groups([head], (), not_clipped=(head.extra,))
    assert {id(each) for each in alone} == {id(each) for each in head.body.parameters()}


def test_a_head_is_calibrated_on_validation_clips_before_it_is_tested():
    """Validation clips have code 2, which this head gets right: it then predicts nothing else."""
    head, given = Scripted(), []
    head.right.copy_(torch.tensor([0.0, 0.0, 1.0]))

    def calibrate(logits, target):
        given.append((logits, target))
        head.right.fill_(1)

    head.calibrate = calibrate
    benchmark = SimpleNamespace(selection="last", calibrated=True)
    validation, test = {"a": encoded("a", 2)}, {"a": encoded("a", 0), "b": encoded("b", 1)}
    selector = EpochSelector(head, benchmark, "a", Lookup(), test, validation).finish()
    ((logits, target),) = given
    assert len(logits) == CLIPS and torch.equal(target, validation["a"].target)
    assert right(selector) == {"a": 1, "b": 1}
