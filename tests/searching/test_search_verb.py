"""`codaar search`: its output, and calls that cannot work."""

from __future__ import annotations

import csv
import io
import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.cli.commands import codaar


def call(*words) -> str:
    result = CliRunner().invoke(codaar, ["search", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_table(toy, codes):
    lines = call(toy, codes, "7", "--from", "north", "--top", "3").splitlines()
    assert lines[0].split() == ["query", "from", "in", "rank", "score", "id"]
    hits = codaar_core.search(toy, codes, "7", "north", top=3).hits
    assert [line.split() for line in lines[1:]] == [
        ["7", "north", "east", str(hit.rank), f"{hit.score:.6f}", hit.id] for hit in hits
    ]


def test_csv_and_json_have_the_same_hits(toy, write_codes):
    one, two = write_codes("one.h5", 8, seed=1), write_codes("two.h5", 8, seed=2)
    words = (toy, one, two, "clip1-1", "--from", "north", "--by", "codes", "--gap", "1")
    rows = list(csv.DictReader(io.StringIO(call(*words, "--csv"))))
    hits = json.loads(call(*words, "--json"))["hits"]
    assert len(rows) == len(hits) == 10
    for row, hit in zip(rows, hits, strict=True):
        assert (row["id"], row["file"], float(row["start"])) == (hit["id"], hit["file"], hit["start"])
        assert float(row["score"]) == pytest.approx(hit["score"], abs=1e-6)


def test_recall(toy, codes):
    lines = [line.split() for line in call(toy, codes, codes, "--recall", "1,5").splitlines()]
    assert lines[0] == ["from", "in", "R@1", "R@5", "queries", "without", "clips", "right"]
    found = codaar_core.search(toy, codes, codes, recall=[1, 5]).recalls
    assert lines[1] == [
        "east",
        "north",
        f"{found[0].at[1]:.6f}",
        f"{found[0].at[5]:.6f}",
        "40",
        "0",
        "40",
        "equal",
        "ids",
    ]
    assert json.loads(call(toy, codes, codes, "--recall", "1", "--json"))["recalls"][0]["at"] == {"1": found[0].at[1]}


def test_names_from_files_are_printed_safely(toy, write_codes):
    path = write_codes("codes.h5", 3, seed=3, ids=["a", "b\x1b[31m", "c"])
    assert "\x1b" not in call(toy, path, "a", "--from", "north")


def test_nothing_found(toy, write_codes):
    path = write_codes("codes.h5", 3, seed=4)
    with h5py.File(path, "r+") as file:
        file["east/mask"][...] = False
    assert call(toy, path, "clip4-0", "--from", "north", "--by", "codes").startswith("nothing was found")


@pytest.mark.parametrize(
    ("query", "more", "message"),
    [
        ("nobody", {"source": "north"}, r"no clip 'nobody' of north in .*, and no such file\n.*ids there are: 0, 1, 2"),
        ("7", {}, r"'7' may be a clip of any modality\n.*--from east\|north"),
        ("7", {"source": "smell"}, r"the index has no codes of 'smell'\n.*it has "),
        ("7", {"source": "north", "searched": "smell"}, "the index has no codes of 'smell'"),
        ("missing.npy", {"source": "north"}, "no clip 'missing.npy' of north in .*, and no such file"),
        ("7", {"source": "north", "top": 0}, "top and recall are at least 1"),
        ("7", {"source": "north", "searched": "north", "recall": [1]}, "recall within one modality"),
        ("7", {"source": "north", "method": "exact", "probes": 3}, "an exact search has no probes"),
        ("7", {"source": "north", "searched": "north", "probes": 3}, "a search within one modality is exact"),
        ("7", {"source": "north", "recall": [1], "match": "targets"}, "have no targets"),
    ],
)
def test_calls_that_cannot_work_are_refused(toy, codes, query, more, message):
    with pytest.raises(CodaarError, match=message):
        codaar_core.search(toy, codes, query, **more)


def test_features_need_their_modality_and_shape(toy, codes, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 7), np.float32))
    with pytest.raises(CodaarError, match=r"the modality of these features is unknown\n.*--modality east\|north"):
        codaar_core.search(toy, codes, tmp_path / "x.npy")
    with pytest.raises(CodaarError, match=r"\(steps, 8\), it has \(3, 7\)"):
        codaar_core.search(toy, codes, tmp_path / "x.npy", "north")


def test_codes_of_another_model_are_refused(toy, codes, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(codes.read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["weights"] = "0" * 64
    for index, query in ((other, "7"), (codes, other)):
        with pytest.raises(CodaarError, match="has codes of other weights"):
            codaar_core.search(toy, index, query, "north")


def test_recall_without_common_ids(toy, write_codes):
    one, two = write_codes("one.h5", 3, seed=5), write_codes("two.h5", 3, seed=6)
    with pytest.raises(CodaarError, match="have no equal ids"):
        codaar_core.search(toy, one, two, recall=[1])


def test_ranks_are_numbers(toy, codes):
    for ranks in (["1;5"], ["1", "5", "10"]):
        result = CliRunner().invoke(codaar, ["search", str(toy), str(codes), str(codes), "--recall", *ranks])
        assert result.exit_code == 2 and "1,5,10" in result.output
