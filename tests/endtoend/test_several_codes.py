"""A model with two codes a step, in everything that reads codes: a run, its pages, files of codes, search, export."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_run import toy_plan

import codaar_core
from codaar_core.api import CodaarError, DataError
from codaar_core.cli.commands import codaar
from codaar_core.engine import run
from codaar_core.engine.evaluation.code_measures import perplexity, usage

CODES, DIM = 6, 6
SETTINGS = (
    'quantizer.use="residual"',
    f"quantizer.codes={CODES}",
    f"quantizer.dim={DIM}",
    "quantizer.levels=2",
    "quantizer.initial_count=1.0",
    'model.align=["dta", "pull"]',
    'model.losses=["reconstruction", "cmcm"]',
    "data.validation_share=0.2",
    "run.epochs=2",
    "evaluate.seeds=[1]",
    "bench.toy.epochs=1",
    'bench.toy.head.use="clip-classifier"',
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), *SETTINGS))


@pytest.fixture(scope="module")
def results(toy) -> dict:
    return json.loads((toy / "results.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def codes(toy, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("codes") / "codes.h5"
    extra = ("latents", "vectors", "distances")
    codaar_core.encode(toy, file, "test of toy", extra=extra, jsonl=file.with_suffix(".jsonl"), device="cpu")
    return file


@pytest.fixture(scope="module")
def north(codes) -> dict[str, np.ndarray]:
    with h5py.File(codes) as file:
        return {name: column[()] for name, column in file["north"].items()} | {"attributes": dict(file["north"].attrs)}


def test_the_file_of_codes_has_the_codewords_of_both_levels(toy, codes, north):
    clips, steps = north["mask"].shape
    assert (north["attributes"]["codewords"], north["attributes"]["levels"]) == (2 * CODES, 2)
    assert north["indices"].shape == (clips, steps, 2)
    assert north["distances"].shape == (clips, steps, 2 * CODES)
    by_level = north["distances"].reshape(clips, steps, 2, CODES).argmin(-1) + [0, CODES]
    assert np.array_equal(by_level, north["indices"])
    book = codaar_core.open_model(toy).model.quantizer.codebooks()["north"].numpy()
    assert np.allclose(book[north["indices"]].sum(2), north["vectors"], atol=1e-6)
    lines = [json.loads(line) for line in codes.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    line = next(each for each in lines if each["modality"] == "north")
    assert line["indices"] == north["indices"][north["ids"].astype(str).tolist().index(line["id"])].tolist()


def test_all_codes_of_a_step_are_counted(toy, tmp_path):
    encoded = codaar_core.encode(toy, tmp_path / "codes.h5", "test of toy", device="cpu")
    with h5py.File(encoded.path) as file:
        assert encoded.codes == 2 * sum(int(part["mask"][()].sum()) for part in file.values())


def test_a_parquet_file_has_a_list_for_each_step(toy, codes, north, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    codaar_core.encode(toy, tmp_path / "codes.parquet", "test of toy", device="cpu")
    rows = [row for row in pq.read_table(tmp_path / "codes.parquet").to_pylist() if row["modality"] == "north"]
    assert [row["indices"] for row in rows] == north["indices"].tolist()


def test_results_and_journal_have_an_entry_for_each_level(toy, results, north):
    assert [entry["level"] for entry in results["codes"]] == [0, 1]
    for level, entry in enumerate(results["codes"]):
        counts = usage(
            torch.from_numpy(north["indices"][..., level] - level * CODES), torch.from_numpy(north["mask"]), 6
        )
        found = next(each for each in entry["modalities"] if each["modality"] == "north")
        assert (found["size"], found["used"]) == (CODES, int((counts > 0).sum()))
        assert found["perplexity"] == pytest.approx(perplexity(counts))
    assert [entry["level"] for entry in results["codewords"]] == [0, 1]
    header = (toy / "metrics.csv").read_text("utf-8").splitlines()[0].split(",")
    names = ("used.north", "epoch_perplexity.east", "epoch_largest_share.east", "agreement.north-east")
    for name in (*names, "validation.used.north"):
        assert {f"{name}.level-0", f"{name}.level-1"} <= set(header) and name not in header


def test_report_and_terminal_name_the_levels(toy, tmp_path):
    page = codaar_core.write_report(toy).read_text("utf-8")
    assert "<h3>toy, level 0</h3>" in page and "<h3>toy, level 1</h3>" in page
    shutil.copytree(toy, tmp_path / "other")
    compared = CliRunner().invoke(codaar, ["compare", str(toy), str(tmp_path / "other")])
    assert compared.exit_code == 0, compared.output


def test_the_atlas_shows_all_codewords_of_a_step(toy, codes, north, tmp_path):
    page = codaar_core.atlas(toy, codes=[codes], to=tmp_path / "atlas.html").read_text("utf-8")
    (written,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data = json.loads(written)
    shown = next(each for each in data["modalities"] if each["name"] == "north")
    assert (data["size"], shown["levels"], len(shown["perplexity"])) == (2 * CODES, 2, 2)
    uses = Counter(north["indices"].reshape(-1).tolist())
    assert shown["counts"] == [uses[codeword] for codeword in range(2 * CODES)]
    assert [each["level"] for each in data["agreement"]] == [0, 1]
    for codeword, steps in enumerate(shown["nearest"]):
        for clip, step, distance, _ in steps:
            level = codeword // CODES
            assert north["indices"][clip, step, level] == codeword
            assert distance == pytest.approx(north["distances"][clip, step, codeword], rel=1e-2, abs=1e-5)


def test_search_finds_clips_by_vectors_and_by_codewords_of_all_levels(toy, codes, north):
    for by in ("vectors", "codes"):
        hits = codaar_core.search(toy, codes, codes, "north", "north", by=by, top=3).hits
        assert len(hits) == 3 * len(north["ids"])
    ids, whole = north["ids"].astype(str).tolist(), range(north["mask"].shape[1])
    hit = next(each for each in hits if each.rank == 1)
    query, found = (north["indices"][ids.index(each)] for each in (hit.query, hit.id))
    steps = [step for step in whole if hit.start <= step < hit.end]
    assert all(set(found[step]) & set(query.reshape(-1)) for step in (steps[0], steps[-1]))


def test_codes_of_one_modality_are_looked_up_and_decoded_in_another(toy):
    model = codaar_core.open_model(toy)
    features = torch.randn(2, 5, 8)
    indices = model.encode({"north": features})["north"].indices
    assert model.lookup("east", indices).shape == (2, 5, DIM)
    assert model.lookup("east", indices[0, 0], full=True).shape == (2 * DIM,)
    assert model.decode({"east": features}, {"east": indices})["east"].shape == (2, 5, 8)
    with pytest.raises(CodaarError, match=r"the last axis of indices should have 2 values, indices are \(2, 5\)"):
        model.lookup("east", indices[..., 0])
    with pytest.raises(CodaarError, match=r"indices should be \(2, 5, 2\), they are \(2, 5\)"):
        model.decode({"east": features}, {"east": indices[..., 0]})
    with pytest.raises(CodaarError, match="whole numbers from 0 to 11"):
        model.lookup("east", indices + 2 * CODES)


def test_an_exported_model_says_how_many_codes_a_step_has(toy, tmp_path):
    folder = codaar_core.export(toy, tmp_path / "shared")
    assert json.loads((folder / "codaar.json").read_text("utf-8"))["levels"] == 2
    card = (folder / "README.md").read_text("utf-8")
    assert "2 indices for each time step" in card and "Codewords K: 12, in 2 levels." in card


def test_codes_of_another_number_of_levels_are_refused(toy, codes, tmp_path):
    changed = tmp_path / "codes.h5"
    changed.write_bytes(codes.read_bytes())
    with h5py.File(changed, "a") as file:
        file["north"].attrs["levels"] = 3
    with pytest.raises(DataError, match="the columns of north have different numbers of clips or steps"):
        codaar_core.search(toy, changed, changed, "north")
    with h5py.File(changed, "a") as file:
        indices = file["north/indices"][..., 0]
        del file["north/indices"]
        file["north"].attrs["levels"] = 1
        file["north/indices"] = indices
    with pytest.raises(DataError, match="north with 12 codewords, 1 a step, which this model lacks"):
        codaar_core.search(toy, changed, changed, "north")


def test_channels_of_sums_are_not_chosen(toy, tmp_path):
    with pytest.raises(CodaarError, match="each code of this quantizer is a sum of 2 of them"):
        run(toy_plan(tmp_path, *SETTINGS, "bench.toy.head.channels=3"))
