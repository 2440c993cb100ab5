"""A small recipe on generated lists of UCF101 and VGGSound, in both modes: heads meet another data set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from smallest import SMALLEST

import codaar_core
from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_ucf_vggsound")
OVERRIDES = (
    *SMALLEST,
    "evaluate.on=['cross']",
    "bench.cross.use='ucf-vggsound'",
    "bench.cross.epochs=3",
    "bench.cross.batch=16",
    "bench.cross.lr=1e-2",
)


@pytest.fixture(scope="module")
def copy(module_at, tmp_path_factory) -> Path:
    """The data as generated for the tests of the plug-in."""
    return module_at("plugins/ucf_vggsound/tests/small_ucf_vggsound.py").write_both(
        tmp_path_factory.mktemp("ucf-vggsound")
    )


def run(recipe: Path, copy: Path, folder: Path, *overrides: str) -> Path:
    paths = (f"run.directory={str(folder)!r}", f"bench.cross.root={str(copy)!r}")
    return codaar_core.run(recipe, overrides=(*OVERRIDES, *paths, *overrides))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(recipe, copy, tmp_path, mode):
    directory = run(recipe, copy, tmp_path, f"evaluate.mode={mode!r}")
    results = json.loads((directory / "results.json").read_text())
    entries = {(e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    assert len(entries) == (2 if mode == "as-published" else 8)
    for entry in entries.values():
        assert entry["headline"] == (entry["metric"] == "accuracy")
        assert all(0 <= entry[key] <= 1 for key in ("mean", "chance", "constant", "upper_bound"))
    assert entries["video", "audio", "accuracy"]["published"] == (0.735 if mode == "as-published" else None)
    assert entries["video", "audio", "accuracy"]["constant"] == pytest.approx(1 / 3)
    kept = np.load(directory / "bench/cross/seed-1/predictions.npz")
    said, true = kept["video->audio"], kept["target/audio"]
    assert len(said) == 30
    assert len(kept["target/video"]) == 24
    assert (said == true).mean() == pytest.approx(entries["video", "audio", "accuracy"]["mean"])


def test_packed_files_give_the_results_of_the_original_ones(recipe, copy, tmp_path):
    original = run(recipe, copy, tmp_path / "original")
    paths = (f"bench.cross.root={str(copy)!r}", f"run.directory={str(tmp_path)!r}")
    codaar_core.pack_benchmark(recipe, "cross", tmp_path / "packed", "float32", (*OVERRIDES, *paths))
    assert len(list((tmp_path / "packed").glob("*.h5"))) == 6
    packed = run(recipe, copy, tmp_path / "again", f"bench.cross.packed={str(tmp_path / 'packed')!r}")
    first, second = (json.loads((each / "results.json").read_text()) for each in (original, packed))
    assert first["transfers"] == second["transfers"]
    first, second = (np.load(each / "bench/cross/seed-1/predictions.npz") for each in (original, packed))
    assert set(first) == set(second)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_an_empty_list_is_noticed_before_the_training(recipe, copy, tmp_path):
    shutil.copytree(copy, tmp_path / "copy")
    (tmp_path / "copy" / "vggsound2ucf.csv").write_text("category,video_id,split\n")
    with pytest.raises(CodaarError, match="cross, test, audio: the split has no clips"):
        run(recipe, tmp_path / "copy", tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*/*/checkpoints/*"))


def test_a_missing_folder_ends_with_its_name(recipe, tmp_path):
    with pytest.raises(CodaarError, match="nowhere"):
        run(recipe, Path("nowhere"), tmp_path)
