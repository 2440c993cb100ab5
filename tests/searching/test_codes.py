"""`codaar search --by codes`: the inverted index, and runs of codewords, against slow, obvious twins."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.engine.data import codes_file
from codaar_core.engine.data.codes_file import CodesFile
from codaar_core.searching import positions
from codaar_core.searching.positions import PositionIndex


def clips_of(path: Path, modality: str) -> dict[str, list[int | None]]:
    """Codewords by id; None at masked steps."""
    with h5py.File(path) as file:
        group = file[modality]
        columns = (group["ids"].asstr()[:], group["indices"][:].tolist(), group["mask"][:].tolist())
        return {
            id: [index if real else None for index, real in zip(indices, mask, strict=True)]
            for id, indices, mask in zip(*columns, strict=True)
        }


def twin_runs(
    query: list[int | None], clips: dict[str, list[int | None]], gap: int
) -> list[tuple[float, str, float, float]]:
    """Score, id, start and end of every run, by walking along every clip."""
    wanted = Counter(each for each in query if each is not None)
    containing = Counter(code for clip in clips.values() for code in {each for each in clip if each is not None})
    weight = {code: math.log(1 + len(clips) / max(1, containing[code])) for code in wanted}
    whole = sum(weight[code] * count for code, count in wanted.items())
    found = []
    for id, clip in clips.items():
        hits = [step for step, code in enumerate(clip) if code is not None and code in wanted]
        while hits:
            run = [hits.pop(0)]
            while hits and hits[0] - run[-1] <= gap + 1:
                run.append(hits.pop(0))
            here = Counter(clip[step] for step in run)
            score = sum(weight[code] * min(count, here[code]) for code, count in wanted.items()) / whole
            found.append((score, id, run[0] * 0.5, (run[-1] + 1) * 0.5))
    order = {id: place for place, id in enumerate(clips)}
    return sorted(found, key=lambda each: (-round(each[0], 9), order[each[1]], each[2]))


@pytest.mark.parametrize("gap", [0, 2])
def test_runs_are_those_of_walking_along_every_clip(toy, write_codes, monkeypatch, gap):
    monkeypatch.setattr(codes_file, "STEPS_AT_ONCE", 40)  # blocks of four clips
    one, two = write_codes("one.h5", 15, seed=1, used=5), write_codes("two.h5", 10, seed=2, used=5)
    clips = {**clips_of(one, "east"), **clips_of(two, "east")}
    queries = clips_of(one, "north")
    hits = codaar_core.search(toy, [one, two], one, "north", by="codes", gap=gap, top=1000).hits
    assert {hit.query for hit in hits} == {id for id, query in queries.items() if query[0] is not None}
    for id, query in queries.items():
        own = [hit for hit in hits if hit.query == id]
        expected = twin_runs(query, clips, gap)
        assert [(hit.id, hit.start, hit.end) for hit in own] == [each[1:] for each in expected]
        np.testing.assert_allclose([hit.score for hit in own], [each[0] for each in expected], atol=1e-12)
        assert [hit.rank for hit in own] == list(range(1, len(own) + 1))
    few = codaar_core.search(toy, [one, two], one, "north", by="codes", gap=gap, top=3).hits
    assert few == tuple(hit for hit in hits if hit.rank <= 3)


def test_a_clip_that_contains_the_query_scores_one(toy, write_codes):
    path = write_codes("codes.h5", 10, seed=3)
    with h5py.File(path, "r+") as file:
        file["north/indices"][0, :3], file["north/mask"][0] = [4, 1, 4], np.arange(9) < 3
        file["east/indices"][7, :], file["east/mask"][7] = [0, 0, 4, 1, 4, 4, 0, 0, 0], True
    best = codaar_core.search(toy, path, "clip3-0", "north", by="codes", top=1).hits[0]
    assert (best.id, best.start, best.end, best.score) == ("clip3-7", 1.0, 3.0, pytest.approx(1.0))


def test_its_own_modality_without_itself(toy, write_codes):
    path = write_codes("codes.h5", 20, seed=4, used=3)
    hits = codaar_core.search(toy, path, "clip4-3", "north", "north", by="codes", top=1000).hits
    assert hits and all(hit.id != "clip4-3" for hit in hits)


def test_every_real_step_is_in_the_index_once(write_codes, monkeypatch):
    monkeypatch.setattr(codes_file, "STEPS_AT_ONCE", 40)
    path = write_codes("codes.h5", 30, seed=5)
    with CodesFile(path) as file, PositionIndex(file) as index, h5py.File(path) as h5:
        for modality in file.modalities:
            size = file.modalities[modality].codewords
            found = [
                (int(clip), int(step), int(code))
                for block in index.occurrences(modality, np.arange(size))
                for clip, step, code in zip(*block, strict=True)
            ]
            indices, mask = h5[modality]["indices"][:], h5[modality]["mask"][:]
            rows, steps = np.nonzero(mask)
            assert found == [(r, s, indices[r, s]) for r, s in zip(rows.tolist(), steps.tolist(), strict=True)]
            contains = [sum((indices[row][mask[row]] == code).any() for row in range(30)) for code in range(size)]
            assert index.frequency(modality).tolist() == contains


def test_a_stale_or_damaged_index_is_written_again(toy, write_codes):
    path = write_codes("codes.h5", 12, seed=6, used=4)
    beside = path.with_name("codes.h5.index.h5")
    ask = lambda: codaar_core.search(toy, path, "clip6-1", "north", by="codes", top=50).hits  # noqa: E731
    first = ask()
    written = beside.stat().st_mtime_ns
    assert ask() == first and beside.stat().st_mtime_ns == written
    beside.write_bytes(b"no index")
    assert ask() == first
    with h5py.File(path, "r+") as file:
        file["east/mask"][...] = False
    assert ask() == ()


def test_an_interrupted_index_leaves_nothing(toy, write_codes, monkeypatch):
    path = write_codes("codes.h5", 12, seed=7)

    class Stopped(Exception):
        pass

    def stop(*given):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(positions, "_write_modality", stop)
        with pytest.raises(Stopped):
            codaar_core.search(toy, path, "clip7-1", "north", by="codes")
    assert [each.name for each in path.parent.iterdir()] == ["codes.h5"]
    assert codaar_core.search(toy, path, path, by="codes", top=1).hits


def test_recall_is_of_vectors(toy, codes):
    with pytest.raises(CodaarError, match="recall, method and probes are of a search by vectors"):
        codaar_core.search(toy, codes, codes, by="codes", recall=[1])
