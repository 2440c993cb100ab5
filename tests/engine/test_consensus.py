"""Measures on codes: against slow references in plain Python, as laws, and in a run."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score
from toy_run import toy_plan

from codaar_core.engine import open_model, run
from codaar_core.engine.assembly.build import build_benchmarks, build_data
from codaar_core.engine.evaluation import code_measures
from codaar_core.engine.evaluation.code_labels import UNLABELLED, labels_are_of_clips, step_labels
from codaar_core.engine.evaluation.code_records import codeword_distances, measure_codes
from codaar_core.engine.evaluation.encode_split import EncodedSplit
from codaar_core.engine.results import BenchmarkCodes, ModalityCodes

SIZE, CLASSES = 7, 4


def table(low: int, high: int, clips: int, steps: int) -> st.SearchStrategy[torch.Tensor]:
    """Whole numbers (clips, steps) from ``low`` to ``high``."""
    row = st.lists(st.integers(low, high), min_size=steps, max_size=steps)
    return st.lists(row, min_size=clips, max_size=clips).map(torch.tensor)


@st.composite
def labelled_codes(draw, modalities: int = 1) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Indices, labels and masks (N, T) of modalities with the same clips."""
    clips, steps = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    return [
        (
            draw(table(0, SIZE - 1, clips, steps)),
            draw(table(UNLABELLED, CLASSES - 1, clips, steps)),
            draw(table(0, 1, clips, steps)).bool(),
        )
        for _ in range(modalities)
    ]


def counted(indices, labels, real) -> list[tuple[int, int]]:
    """Index and label of every real, labelled step, one by one."""
    return [
        (int(indices[n, t]), int(labels[n, t]))
        for n in range(len(indices))
        for t in range(indices.shape[1])
        if real[n, t] and labels[n, t] != UNLABELLED
    ]


def joint(indices, labels, real) -> torch.Tensor:
    return code_measures.joint_counts(indices, labels, real, SIZE)


def majorities(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """The most frequent label of each index; of equally frequent ones the first class."""
    found = {}
    for index in {index for index, _ in pairs}:
        uses = Counter(label for each, label in pairs if each == index)
        found[index] = min(label for label, count in uses.items() if count == max(uses.values()))
    return found


def entropy(values: list) -> float:
    return -sum(n / len(values) * math.log(n / len(values)) for n in Counter(values).values())


@given(labelled_codes())
def test_joint_counts_usage_and_perplexity_count_every_real_step(codes):
    ((indices, labels, real),) = codes
    counts = joint(indices, labels, real)
    assert Counter(counted(indices, labels, real)) == {
        (k, c): int(n) for k, row in enumerate(counts.tolist()) for c, n in enumerate(row) if n
    }
    used = [int(k) for k, present in zip(indices.flatten(), real.flatten(), strict=True) if present]
    uses = code_measures.usage(indices, real, SIZE)
    assert uses.tolist() == [used.count(k) for k in range(SIZE)]
    found = code_measures.perplexity(uses)
    assert (found is None) == (not used)
    if used:
        assert found == pytest.approx(math.exp(entropy(used)))
        assert 1 - 1e-9 <= found <= len(set(used)) + 1e-9


@given(labelled_codes())
def test_normalised_information_is_that_of_scikit_learn(codes):
    ((indices, labels, real),) = codes
    pairs = counted(indices, labels, real)
    found = code_measures.normalised_information(joint(indices, labels, real))
    if len(set(pairs)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(normalized_mutual_info_score(*zip(*pairs, strict=True)), abs=1e-9)
        assert 0 <= found <= 1


@given(labelled_codes(modalities=2))
def test_consensus_and_shared_indices_are_those_of_a_loop(codes):
    pairs = [counted(*each) for each in codes]
    one, other = (majorities(each) for each in pairs)
    shared = one.keys() & other.keys()
    joints = [joint(*each) for each in codes]
    assert code_measures.shared_indices(*joints) == len(shared)
    found = code_measures.consensus(*joints)
    assert found == code_measures.consensus(*joints[::-1])
    if not shared:
        assert found is None
    else:
        assert found == pytest.approx(sum(one[k] == other[k] for k in shared) / len(shared))
    assert code_measures.consensus(joints[0], joints[0]) in (1.0, None)


@given(labelled_codes(), labelled_codes())
def test_table_accuracy_is_that_of_a_loop(training, testing):
    ((indices, labels, real),), table = testing, joint(*training[0])
    pairs = counted(*training[0])
    classes, every = majorities(pairs), majorities([(0, label) for _, label in pairs])
    hits, clips = [], []
    for n in range(len(indices)):
        steps = [(k, c) for k, c in counted(indices[n : n + 1], labels[n : n + 1], real[n : n + 1])]
        guesses = [classes.get(k, every.get(0)) for k, _ in steps]
        hits += [guess == c for guess, (_, c) in zip(guesses, steps, strict=True)]
        if steps:
            most = majorities([(0, guess) for guess in guesses])[0] if pairs else None
            clips.append(most == int(labels[n].max()))
    for whole_clips, found in ((False, hits), (True, clips)):
        accuracy = code_measures.table_accuracy(table, indices, labels, real, whole_clips)
        assert accuracy == (pytest.approx(sum(found) / len(found)) if found and pairs else None)


@given(labelled_codes(modalities=2))
def test_information_across_modalities_is_that_of_all_steps_together(codes):
    joints = {name: joint(*each) for name, each in zip("mn", codes, strict=True)}
    measured = code_measures.label_measures(joints)
    pairs = [pair for each in codes for pair in counted(*each)]
    if len(set(pairs)) < 2:
        assert measured["information", "m", "n"] is None
    else:
        expected = normalized_mutual_info_score(*zip(*pairs, strict=True))
        assert measured["information", "m", "n"] == pytest.approx(expected, abs=1e-9)
    assert set(measured) == {
        ("information", "m"),
        ("information", "n"),
        ("information", "m", "n"),
        ("consensus", *"mn"),
    }


@given(labelled_codes(modalities=2))
def test_agreement_and_its_chance_are_those_of_a_loop(codes):
    (one, _, first), (other, _, second) = codes
    both = first & second
    steps = [
        (int(a), int(b)) for a, b, real in zip(one.flatten(), other.flatten(), both.flatten(), strict=True) if real
    ]
    found = code_measures.agreement(one, other, both)
    chance = code_measures.agreement_by_chance(*(code_measures.usage(each, both, SIZE) for each in (one, other)))
    if not steps:
        assert found is None and chance is None
    else:
        assert found == pytest.approx(sum(a == b for a, b in steps) / len(steps))
        draws = list(itertools.product([a for a, _ in steps], [b for _, b in steps]))
        assert chance == pytest.approx(sum(a == b for a, b in draws) / len(draws))


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**31))
def test_distances_are_those_of_every_pair_of_codewords(size, width, seed):
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.randn(size, width, generator=generator) for _ in range(2))
    between = {(k, j): math.dist(one[k].tolist(), other[j].tolist()) for k in range(size) for j in range(size)}
    same = [value for (k, j), value in between.items() if k == j]
    others = [value for (k, j), value in between.items() if k != j]
    found = code_measures.distances(one, other)
    assert found[0] == pytest.approx(sum(same) / len(same))
    assert found[1] == (pytest.approx(sum(others) / len(others)) if others else None)


def test_distances_are_computed_in_blocks(monkeypatch):
    one, other = torch.randn(10, 3), torch.randn(10, 3)
    whole = code_measures.distances(one, other)
    monkeypatch.setattr(code_measures, "ROWS", 3)
    assert code_measures.distances(one, other) == pytest.approx(whole)


def test_a_shared_codebook_has_no_distance_at_equal_indices():
    shared = torch.randn(5, 3)
    (record,) = codeword_distances({"m": shared, "n": shared})
    assert (record.one, record.other, record.same_index) == ("m", "n", 0) and record.other_indices > 0


def test_labels_as_indices_have_information_and_consensus_1():
    labels = torch.arange(CLASSES).repeat(10).view(8, -1)
    counts = joint(labels, labels, torch.ones_like(labels, dtype=torch.bool))
    assert code_measures.normalised_information(counts) == pytest.approx(1)
    assert code_measures.consensus(counts, counts) == 1


def test_independent_labels_have_information_near_0():
    generator = torch.Generator().manual_seed(0)
    indices, labels = (torch.randint(n, (2000, 10), generator=generator) for n in (SIZE, CLASSES))
    found = code_measures.normalised_information(joint(indices, labels, torch.ones_like(indices, dtype=torch.bool)))
    assert 0 <= found < 0.003


def test_a_constant_index_has_no_information():
    labels = torch.tensor([[0, 1, 2]])
    assert code_measures.normalised_information(joint(torch.zeros_like(labels), labels, labels >= 0)) == 0


ONE_HOT = torch.tensor([[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 1]]])


@pytest.mark.parametrize(
    ("target", "steps", "expected"),
    [
        (torch.tensor([2, 0]), 3, [[2, 2, 2], [0, 0, 0]]),
        (torch.tensor([2, 7]), 1, [[2], [UNLABELLED]]),
        (torch.tensor([[2, 0], [1, -100]]), 2, [[2, 0], [1, UNLABELLED]]),
        (ONE_HOT, 2, [[0, 2], [UNLABELLED, UNLABELLED]]),
        (ONE_HOT.float(), 2, [[0, 2], [UNLABELLED, UNLABELLED]]),
        (ONE_HOT[0].bool(), 2, [[0, 0], [2, 2]]),
        (ONE_HOT, 1, None),
        (ONE_HOT[1:], 2, None),
        (torch.zeros(2, 5, 8, 8, dtype=torch.uint8), 5, None),
        (torch.rand(2), 5, None),
        (torch.rand(2, 5), 5, None),
    ],
)
def test_labels_are_read_where_there_is_exactly_one_class(target, steps, expected):
    labels = step_labels(target, 3, steps)
    assert (labels if labels is None else labels.tolist()) == expected


def test_a_benchmark_without_classes_has_no_labels():
    assert step_labels(torch.tensor([0, 0]), 0, 2) is None and step_labels(torch.tensor([0, 0]), 1, 2) is None


def test_labels_of_clips_and_of_steps_are_told_apart():
    assert labels_are_of_clips(torch.tensor([0, 1]), 3) and labels_are_of_clips(ONE_HOT[0].float(), 3)
    assert not labels_are_of_clips(ONE_HOT, 3) and not labels_are_of_clips(torch.rand(2, 5), 3)


def encoded(modality: str, indices: torch.Tensor, target: torch.Tensor, ids=None, mask=None) -> EncodedSplit:
    return EncodedSplit(modality, indices, mask, target, SimpleNamespace(ids=ids))


def measured(*parts: EncodedSplit, classes: int = 3, summarised: tuple[str, ...] = ()) -> BenchmarkCodes:
    benchmark = SimpleNamespace(classes=tuple(range(classes)), summarised=summarised)
    return measure_codes("judge", benchmark, {each.modality: each for each in parts}, SIZE)


LABELS = torch.arange(3).repeat(20)
INDICES = LABELS.unsqueeze(1).expand(-1, 4)


def test_equal_codes_that_follow_the_labels_have_the_best_values():
    found = measured(encoded("m", INDICES, LABELS), encoded("n", INDICES, LABELS))
    (pair,) = found.pairs
    assert found.labels == "clip" and pair.steps == 240 and pair.shared == 3
    assert (pair.agreement, pair.consensus) == (1, 1) and pair.information == pytest.approx(1)
    assert pair.agreement_chance == pytest.approx(1 / 3)
    assert 0 < pair.consensus_chance < 0.8 and 0 <= pair.information_chance < 0.1
    assert [each.used for each in found.modalities] == [3, 3] and found.modalities[0].dead == SIZE - 3


def test_codes_with_permuted_indices_have_information_but_no_consensus():
    """Each modality tells the classes apart, but by other indices: what an unaligned model does."""
    found = measured(encoded("m", INDICES, LABELS), encoded("n", (INDICES + 1) % 3, LABELS))
    (pair,) = found.pairs
    assert [each.information for each in found.modalities] == pytest.approx([1, 1])
    assert (pair.agreement, pair.consensus) == (0, 0) and pair.information < 0.5


def test_masked_steps_do_not_count():
    mask = torch.ones(60, 4, dtype=torch.bool)
    mask[:, 3] = False
    junk = INDICES.clone()
    junk[:, 3] = 6
    found = measured(encoded("m", junk, LABELS, mask=mask), encoded("n", INDICES, LABELS))
    assert found.modalities[0] == measured(encoded("m", INDICES[:, :3], LABELS)).modalities[0]
    assert found.pairs[0].steps == 180 and found.pairs[0].agreement == 1


def test_other_clips_or_other_steps_are_not_compared_step_by_step():
    names = [str(clip) for clip in range(60)]
    one = encoded("m", INDICES, LABELS, names)
    for other, summarised in (
        (encoded("n", INDICES, LABELS, names[::-1]), ()),
        (encoded("n", INDICES[:50], LABELS[:50]), ()),
        (encoded("n", INDICES[:, :1], LABELS), ("n",)),
    ):
        (pair,) = measured(one, other, summarised=summarised).pairs
        assert (pair.steps, pair.agreement, pair.agreement_chance, pair.consensus) == (0, None, None, 1)
    assert measured(one, encoded("n", INDICES, LABELS, names)).pairs[0].steps == 240


def test_without_labels_only_usage_and_agreement_are_measured():
    found = measured(encoded("m", INDICES, LABELS), encoded("n", INDICES, LABELS), classes=0)
    (pair,) = found.pairs
    assert found.labels == "" and pair.agreement == 1 and pair.shared is None
    assert (pair.consensus, pair.consensus_chance, pair.information, pair.information_chance) == (None,) * 4
    assert found.modalities[0] == ModalityCodes(
        modality="m", size=SIZE, steps=240, used=3, perplexity=pytest.approx(3), labelled=0
    )


def test_chance_is_the_same_in_every_process_and_leaves_torch_alone():
    state = torch.random.get_rng_state()
    one, again = (measured(encoded("m", INDICES, LABELS), encoded("n", INDICES, LABELS)) for _ in range(2))
    assert one == again and torch.equal(torch.random.get_rng_state(), state)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1"))


def test_tables_of_training_clips_predict_test_clips():
    parts = {"m": encoded("m", INDICES, LABELS), "n": encoded("n", (INDICES + 1) % 3, LABELS)}
    benchmark = SimpleNamespace(classes=(0, 1, 2), summarised=())
    found = measure_codes("judge", benchmark, parts, SIZE, parts.__getitem__).tables
    accuracies = {(each.train, each.test): each.accuracy for each in found}
    assert accuracies == {("m", "m"): 1, ("m", "n"): 0, ("n", "m"): 0, ("n", "n"): 1}
    assert measured(*parts.values()).tables == ()


def test_a_run_records_the_codes_of_its_test_splits(finished):
    values = json.loads((finished / "results.json").read_text("utf-8"))
    (codes,) = values["codes"]
    plan = toy_plan(finished.parents[2], "run.epochs=1")
    opened = open_model(finished)
    benchmark = build_benchmarks(plan, build_data(plan), opened.model.quantizer)["toy"]
    for entry in codes["modalities"]:
        split = benchmark.split("test", entry["modality"])
        batch = split[range(len(split))]
        indices = opened.encode({entry["modality"]: batch.inputs[entry["modality"]]})[entry["modality"]].indices
        assert entry["used"] == len(indices.unique()) and entry["steps"] == indices.numel()
        labels = batch.targets[entry["modality"]].unsqueeze(1).expand_as(indices).flatten()
        expected = normalized_mutual_info_score(labels.tolist(), indices.flatten().tolist())
        assert entry["information"] == pytest.approx(expected)
    assert len(codes["tables"]) == len(codes["modalities"]) ** 2
    assert all(0 <= table["accuracy"] <= 1 for table in codes["tables"])
    books = opened.model.quantizer.codebooks()
    (distance,) = values["codewords"]
    assert distance["same_index"] == pytest.approx(float((books["north"] - books["east"]).norm(dim=1).mean()), rel=1e-4)


def test_of_very_many_codewords_some_are_compared_with_each_other(monkeypatch):
    """Two levels of 400 codewords have 160,000 codes: all pairs of them would take hours."""
    monkeypatch.setattr(code_measures, "MOST_COMPARED", 4)
    one, other = torch.randn(10, 3), torch.randn(10, 3)
    same, rest = code_measures.distances(one, other)
    assert same == pytest.approx(float((one - other).norm(dim=1).mean()))
    assert rest == pytest.approx(code_measures.distances(one[[0, 2, 5, 7]], other[[0, 2, 5, 7]])[1])
