"""A small recipe on a generated AVSBench-S4, in both modes: encoders that were pretrained on ten steps read five."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from smallest import SMALLEST

import codaar_core
from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_avsbench")
pytest.importorskip("transformers")
TEXT = 16
OVERRIDES = (
    *SMALLEST,
    f"data.words={TEXT}",
    "evaluate.on=['avs']",
    "bench.avs.use='avsbench-s4'",
    "bench.avs.side=64",
    "bench.avs.epochs=2",
    "bench.avs.batch=4",
    "bench.avs.lr=1e-3",
    "bench.avs.head.backbone='small'",
    "bench.avs.head.channels=8",
)


@pytest.fixture(scope="module")
def copy(module_at, tmp_path_factory) -> Path:
    """The data and a BERT, as generated for the tests of the plug-in."""
    small_s4 = module_at("plugins/avsbench/tests/small_s4.py")
    folder = tmp_path_factory.mktemp("avsbench")
    small_s4.write_bert(folder / "bert", TEXT)
    return small_s4.write_s4(folder)


def run(recipe: Path, copy: Path, folder: Path, *overrides: str) -> Path:
    paths = (
        f"run.directory={str(folder)!r}",
        f"bench.avs.root={str(copy)!r}",
        f"bench.avs.bert={str(copy / 'bert')!r}",
    )
    return codaar_core.run(recipe, overrides=(*OVERRIDES, *paths, *overrides))


def test_packed_files_give_the_results_of_the_original_ones(recipe, copy, tmp_path):
    """The pictures that heads are given are packed too."""
    original = run(recipe, copy, tmp_path / "original")
    paths = (f"bench.avs.root={str(copy)!r}", f"bench.avs.bert={str(copy / 'bert')!r}")
    codaar_core.pack_benchmark(recipe, "avs", tmp_path / "packed", "float32", (*OVERRIDES, *paths))
    packed = run(recipe, copy, tmp_path / "again", f"bench.avs.packed={str(tmp_path / 'packed')!r}")
    first, second = (json.loads((each / "results.json").read_text()) for each in (original, packed))
    assert first["transfers"] == second["transfers"]


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(recipe, copy, tmp_path, mode):
    directory = run(recipe, copy, tmp_path, f"evaluate.mode={mode!r}")
    results = json.loads((directory / "results.json").read_text())
    assert results["mode"] == mode
    entries = {(e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    pairs = [("audio", "text"), ("text", "audio")]
    assert list(entries) == [(*pair, metric) for pair in pairs for metric in ("mean_iou", "f_score")]
    for entry in entries.values():
        assert all(0 <= entry[key] <= 1 for key in ("mean", "chance", "constant", "upper_bound"))
    published = entries["audio", "text", "mean_iou"]["published"]
    assert published == (0.743 if mode == "as-published" else None)

    kept = np.load(directory / "bench/avs/seed-1/predictions.npz")
    assert kept["audio->text"].shape == kept["target/text"].shape == (4, 5, 64, 64)
    assert kept["audio->text"].dtype == np.uint8
    found, true = kept["audio->text"] >= 128, kept["target/text"] > 0
    iou = ((found & true).sum((2, 3)) / (found | true).sum((2, 3))).mean()
    assert iou == pytest.approx(entries["audio", "text", "mean_iou"]["mean"], abs=1e-6)


def test_weights_that_are_not_there_cost_no_pretraining(recipe, copy, tmp_path):
    with pytest.raises(CodaarError, match="the file of weights no.pth does not exist") as caught:
        run(recipe, copy, tmp_path, "bench.avs.head.backbone='pvt-v2-b5'", "bench.avs.head.weights='no.pth'")
    assert "pvt_v2_b5.pth" in str(caught.value)
    assert not list(tmp_path.rglob("model.safetensors"))
