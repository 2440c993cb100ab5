"""`codaar search --by vectors` and Recall@k agree with slow, obvious twins and with a retrieval benchmark."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from smallest import SMALLEST

import codaar_core
from codaar_core.api import CodaarError, Predicted
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_model
from codaar_core.engine.data.codes_file import CodesFile
from codaar_core.engine.trained_model import TrainedModel
from codaar_core.recipe import load
from codaar_core.searching import gallery, ranking
from codaar_core.searching.recall import expected_recall


def twin_vectors(path: Path, modality: str, model: TrainedModel) -> dict[str, np.ndarray]:
    """The mean full codeword of each clip, one step at a time."""
    found = {}
    with h5py.File(path) as file:
        group = file[modality]
        for id, indices, mask in zip(group["ids"].asstr()[:], group["indices"][:], group["mask"][:], strict=True):
            full = [model.lookup(modality, torch.tensor([index]), full=True)[0].double().numpy() for index in indices]
            real = [each for each, here in zip(full, mask, strict=True) if here]
            found[id] = np.mean(real, axis=0) if real else np.zeros(model.model.quantizer.code_space.width)
    return found


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    length = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / length) if length else 0.0


def twin_search(vector: np.ndarray, clips: dict[str, np.ndarray], top: int) -> list[tuple[str, float]]:
    scores = [(id, cosine(vector, each)) for id, each in clips.items()]
    return sorted(scores, key=lambda each: -round(each[1], 6))[:top]


def assert_agree(hits, twin: list[tuple[str, float]]) -> None:
    assert [hit.rank for hit in hits] == list(range(1, len(twin) + 1))
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in twin], atol=2e-6)
    for hit, (id, score) in zip(hits, twin, strict=True):
        near = [each for each, other in twin if abs(other - score) < 3e-6]
        assert hit.id == id or hit.id in near or score - twin[-1][1] < 3e-6


@pytest.mark.parametrize("sizes", [(2000, 4000), (7, 3)])
def test_a_clip_of_the_index_finds_the_most_similar_clips(toy, model, write_codes, monkeypatch, sizes):
    monkeypatch.setattr(gallery, "CLIPS", sizes[0])
    monkeypatch.setattr(ranking, "QUERIES", sizes[1])
    path = write_codes("codes.h5", 30, seed=1)
    found = codaar_core.search(toy, path, "clip1-4", "north", top=12)
    queries, clips = twin_vectors(path, "north", model), twin_vectors(path, "east", model)
    assert_agree(found.hits, twin_search(queries["clip1-4"], clips, 12))
    assert {(hit.query, hit.source, hit.modality, hit.start) for hit in found.hits} == {
        ("clip1-4", "north", "east", None)
    }
    every = codaar_core.search(toy, path, path, top=5)
    assert len(every.hits) == 2 * 30 * 5
    own = [hit for hit in every.hits if hit.query == "clip1-4" and hit.source == "north"]
    assert [(hit.id, hit.score) for hit in own] == [(hit.id, hit.score) for hit in found.hits[:5]]


def test_its_own_modality_without_itself(toy, model, write_codes):
    path = write_codes("codes.h5", 20, seed=2)
    found = codaar_core.search(toy, path, "clip2-3", "north", "north", top=50)
    clips = twin_vectors(path, "north", model)
    query = clips.pop("clip2-3")
    assert_agree(found.hits, twin_search(query, clips, 50))
    assert len(found.hits) == 19


def test_features_are_encoded(toy, model, codes, tmp_path):
    features = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    np.save(tmp_path / "mine.npy", features)
    found = codaar_core.search(toy, codes, tmp_path / "mine.npy", "north", top=7)
    full = model.encode({"north": features[None]})["north"].full[0].double().numpy()
    assert_agree(found.hits, twin_search(full.mean(0), twin_vectors(codes, "east", model), 7))
    assert found.hits[0].query == "mine"


def test_several_files_are_searched_as_one(toy, write_codes):
    one, two = write_codes("one.h5", 8, seed=3), write_codes("two.h5", 15, seed=4)
    both = codaar_core.search(toy, [one, two], "clip4-2", "east", top=23)
    assert len(both.hits) == 23
    apart = [
        *codaar_core.search(toy, one, two, "east", top=8).hits,
        *codaar_core.search(toy, two, two, "east", top=15).hits,
    ]
    scores = {hit.id: hit for hit in apart if hit.query == "clip4-2"}
    assert len(scores) == 23
    for hit in both.hits:
        assert hit.file == scores[hit.id].file
        assert hit.score == pytest.approx(scores[hit.id].score, abs=2e-6)


@pytest.mark.parametrize("probes", [0, 10**6])
def test_faiss_agrees_with_the_exact_search(toy, write_codes, probes):
    pytest.importorskip("faiss")
    path = write_codes("codes.h5", 300, seed=5)
    exact = codaar_core.search(toy, path, path, "north", method="exact", top=20).hits
    found = codaar_core.search(toy, path, path, "north", method="faiss", probes=probes, top=20).hits
    assert len(found) == len(exact) == 300 * 20
    for start in range(0, len(exact), 20):
        assert_agree(found[start : start + 20], [(hit.id, hit.score) for hit in exact[start : start + 20]])


def test_faiss_is_named_where_it_is_missing(toy, codes, monkeypatch):
    monkeypatch.setattr("codaar_core.searching.faiss.find_spec", lambda name: None)
    with pytest.raises(CodaarError, match=r"faiss is not installed\n.*codaar-core\[search\]"):
        codaar_core.search(toy, codes, codes, method="faiss")


# Recall


def test_recall_is_the_mean_over_all_orders_of_equal_clips():
    above, tied, hits = torch.tensor([0, 1, 3, 0]), torch.tensor([4, 3, 1, 2]), torch.tensor([1, 2, 1, 2])
    for k in (1, 2, 3, 4, 10):
        shares = []
        for a, t, h in zip(above.tolist(), tied.tolist(), hits.tolist(), strict=True):
            orders = [order for order in permutations([True] * h + [False] * (t - h))]
            shares.append(Fraction(sum(any(order[: max(0, k - a)]) for order in orders), len(orders)))
        assert expected_recall(above, tied, hits, k) == pytest.approx(float(sum(shares) / 4), abs=1e-12)


def test_recall_by_ids(toy, model, write_codes, monkeypatch):
    monkeypatch.setattr(gallery, "CLIPS", 7)
    monkeypatch.setattr(ranking, "QUERIES", 11)
    path = write_codes("codes.h5", 25, seed=6, used=3)
    found = codaar_core.search(toy, path, path, recall=[1, 5, 25])
    assert found.hits == () and [(each.source, each.modality) for each in found.recalls] == [
        ("east", "north"),
        ("north", "east"),
    ]
    for each in found.recalls:
        assert (each.queries, each.without, each.clips, each.match) == (25, 0, 25, "ids")
        queries, clips = (twin_vectors(path, m, model) for m in (each.source, each.modality))
        for k in (1, 5, 25):
            shares = []
            for id, vector in queries.items():
                scores = {other: round(cosine(vector, clip), 6) for other, clip in clips.items()}
                above = sum(score > scores[id] for score in scores.values())
                tied = sum(score == scores[id] for score in scores.values())
                shares.append(min(1.0, max(0, k - above) / tied))
            assert each.at[k] == pytest.approx(np.mean(shares), abs=1e-9)
    assert found.recalls[0].at[25] == 1


def test_queries_without_a_right_clip_do_not_count(toy, write_codes):
    one = write_codes("one.h5", 6, seed=7, ids=["a", "b", "c", "d", "e", "f"])
    two = write_codes("two.h5", 4, seed=8, ids=["b", "c", "x", "y"])
    (found,) = codaar_core.search(toy, one, two, "east", recall=[6]).recalls
    assert (found.queries, found.without, found.at) == (2, 2, {6: 1.0})


RETRIEVAL = [*SMALLEST, "evaluate.on=['retrieval']", "data.retrieval=30"]


def test_recall_is_that_of_the_benchmark(tmp_path):
    """recipes/avt.toml, untrained; few codewords, so that many clips are equal."""
    plan = load("recipes/avt.toml", RETRIEVAL)
    built = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    built.quantizer.codewords.normal_()
    run = codaar_core.adopt_model(tmp_path / "run", "recipes/avt.toml", RETRIEVAL, built.state_dict(), origin="test")
    codaar_core.encode(run, tmp_path / "test.h5", "test of retrieval", device="cpu")
    found = codaar_core.search(run, tmp_path / "test.h5", tmp_path / "test.h5", recall=[1, 5, 10])
    model, plan = codaar_core.open_model(run), load(run / "resolved.toml")
    benchmark = build_benchmarks(plan, build_data(plan), model.model.quantizer)["retrieval"]
    assert {(each.source, each.modality) for each in found.recalls} == set(benchmark.transfers())
    with CodesFile(tmp_path / "test.h5") as file:
        assert all(each.column("targets", 0, 1) is not None for each in file.modalities.values())
    predicted = {}
    for modality in model.model.modalities:
        batch = benchmark.split("test", modality)
        batch = batch[range(len(batch))]
        codes = model.encode({modality: batch.inputs[modality]})[modality]
        real = codes.real().unsqueeze(-1).to(codes.full.dtype)
        mean = (codes.full * real).sum(1) / real.sum(1)  # the head mean-code
        predicted[modality] = Predicted(mean, batch.targets[modality])
    for each in found.recalls:
        scores = benchmark.score(predicted[each.source], predicted[each.modality])
        assert each.match == "targets"
        assert {f"R@{k}": value for k, value in each.at.items()} == pytest.approx(scores, abs=1e-12)
    assert len({value for each in found.recalls for value in each.at.values()}) > 5
