"""The order of the codebook update, pairing under masks and lengths, and the statistics."""

from __future__ import annotations

import pytest
import torch

from codaar_core.api import AlignmentStep, CodaarError, Encoded, Quantized
from codaar_core.engine.devices.runtime import SingleProcess
from codaar_core.engine.training.codebook_update import statistics, update_codebooks


class Recorder:
    """A quantizer that records the calls of its methods."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.books = {"a": torch.zeros(3, 2), "b": torch.ones(3, 2)}

    def targets(self, encoded, assigned):
        return {m: item.semantic for m, item in encoded.items()}

    def update(self, targets, assigned, ranks):
        self.calls.append(("update", targets))

    def codebooks(self):
        return self.books

    def replace(self, codebooks):
        self.calls.append(("replace", codebooks))

    def reset(self, assigned, generator, ranks):
        self.calls.append(("reset", None))


class Swap(AlignmentStep):
    def mix(self, features):
        return {"a": features["b"], "b": features["a"]}


class Halve(AlignmentStep):
    def adjust(self, codebooks):
        return {m: book / 2 for m, book in codebooks.items()}


def make(step):
    return step(step.Config(), None)


def run(align, masks=(None, None), lengths=(4, 4), quantizer=None):
    quantizer = quantizer or Recorder()
    encoded = {
        m: Encoded(torch.full((2, length, 2), value), mask=mask)
        for m, value, length, mask in zip("ab", (1.0, 2.0), lengths, masks, strict=True)
    }
    update_codebooks(quantizer, [make(step) for step in align], encoded, {}, torch.Generator(), SingleProcess())
    return quantizer.calls


def test_order_is_mix_update_adjust_reset():
    calls = run([Halve, Swap])
    assert [name for name, _ in calls] == ["update", "replace", "reset"]
    assert torch.equal(calls[0][1]["a"], torch.full((2, 4, 2), 2.0))
    assert torch.equal(calls[1][1]["b"], torch.full((3, 2), 0.5))


def test_without_alignment_nothing_is_replaced():
    assert [name for name, _ in run([])] == ["update", "reset"]


def test_steps_masked_in_one_modality_are_not_mixed():
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    targets = run([Swap], masks=(mask, None))[0][1]
    assert targets["a"][0, :, 0].tolist() == [2, 2, 1, 1]
    assert targets["b"][0, :, 0].tolist() == [1, 1, 2, 2]
    assert targets["b"][1, :, 0].tolist() == [1, 1, 1, 1]


def test_steps_beyond_the_shorter_length_are_not_mixed():
    targets = run([Swap], lengths=(4, 3))[0][1]
    assert targets["a"][0, :, 0].tolist() == [2, 2, 2, 1]
    assert targets["b"][0, :, 0].tolist() == [1, 1, 1]


class TwoLevels(Recorder):
    """Two codes a step: level 1 has ten times the target of level 0."""

    def targets(self, encoded, assigned):
        return {m: torch.stack([item.semantic, 10 * item.semantic], dim=2) for m, item in encoded.items()}


def test_the_targets_of_every_level_are_mixed_with_those_of_the_same_level():
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    targets = run([Swap], masks=(mask, None), lengths=(4, 5), quantizer=TwoLevels())[0][1]
    assert targets["a"].shape == (2, 4, 2, 2)
    assert targets["a"][0, :, :, 0].tolist() == [[2, 20], [2, 20], [1, 10], [1, 10]]
    assert targets["b"][1, :, :, 1].tolist() == [[1, 10], [1, 10], [1, 10], [1, 10], [2, 20]]


class WrongShape(AlignmentStep):
    def adjust(self, codebooks):
        return {m: book[:1] for m, book in codebooks.items()}


class Forgetful(AlignmentStep):
    def mix(self, features):
        return {"a": features["a"]}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (WrongShape, r"WrongShape.adjust must keep the shape \(3, 2\) of 'a', it returned \(1, 2\)"),
        (Forgetful, r"Forgetful.mix must return tensors for \['a', 'b'\], not \['a'\]"),
    ],
)
def test_wrong_return_value_of_alignment_step_is_refused(step, message):
    with pytest.raises(CodaarError, match=message):
        run([step])


def codes(indices, mask=None):
    indices = torch.tensor(indices)
    nothing = torch.zeros(*indices.shape, 1)
    return Quantized(indices, nothing, nothing, mask=None if mask is None else torch.tensor(mask))


def test_statistics_count_codewords_and_agreement():
    values = statistics({"a": codes([[0, 1, 2, 3]]), "b": codes([[0, 1, 0, 0]])}, 8, SingleProcess())
    assert values["used.a"] == 4
    assert values["perplexity.a"] == pytest.approx(4)
    assert values["used.b"] == 2
    assert values["agreement.a-b"] == pytest.approx(0.5)


def test_statistics_ignore_masked_steps():
    values = statistics({"a": codes([[0, 1, 2]], [[True, True, False]]), "b": codes([[0, 0, 2]])}, 4, SingleProcess())
    assert values["used.a"] == 2
    assert values["agreement.a-b"] == pytest.approx(0.5)


def test_statistics_of_several_codes_a_step_are_those_of_each_level():
    one = codes([[[0, 4], [1, 4], [2, 5]]], [[True, True, False]])
    values = statistics({"a": one, "b": codes([[[0, 5], [0, 4], [2, 5]]])}, 8, SingleProcess())
    assert (values["used.a.level-0"], values["used.a.level-1"]) == (2, 1)
    assert values["perplexity.a.level-0"] == pytest.approx(2)
    assert values["perplexity.b.level-1"] == pytest.approx(1.8899, abs=1e-4)
    assert (values["agreement.a-b.level-0"], values["agreement.a-b.level-1"]) == (0.5, 0.5)
    assert "used.a" not in values
