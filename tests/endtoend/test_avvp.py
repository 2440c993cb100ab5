"""A small recipe on a generated LLP, in both modes: events that are heard and events that are seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from smallest import SMALLEST

import codaar_core
from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_avvp")
OVERRIDES = (
    *SMALLEST,
    "evaluate.on=['localization']",
    "bench.localization.use='avvp-localization'",
    "bench.localization.epochs=3",
    "bench.localization.batch=8",
    "bench.localization.lr=1e-2",
)


@pytest.fixture(scope="module")
def llp(module_at, tmp_path_factory) -> Path:
    """The data as generated for the tests of the plug-in."""
    small_llp = module_at("plugins/avvp/tests/small_llp.py")
    return small_llp.write_llp(tmp_path_factory.mktemp("llp"))


def run(recipe: Path, llp: Path, folder: Path, *overrides: str) -> Path:
    paths = (f"run.directory={str(folder)!r}", f"bench.localization.root={str(llp)!r}")
    return codaar_core.run(recipe, overrides=(*OVERRIDES, *paths, *overrides))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(recipe, llp, tmp_path, mode):
    directory = run(recipe, llp, tmp_path, f"evaluate.mode={mode!r}")
    results = json.loads((directory / "results.json").read_text())
    entries = {(e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    headline = "precision" if mode == "as-published" else "segment_f1"
    assert [key for key, entry in entries.items() if entry["headline"]] == [
        ("audio", "video", headline),
        ("video", "audio", headline),
    ]
    for entry in entries.values():
        assert all(0 <= entry[key] <= 1 for key in ("mean", "chance", "constant", "upper_bound"))
    assert entries["video", "audio", "precision"]["published"] == (0.708 if mode == "as-published" else None)

    kept = np.load(directory / "bench/localization/seed-1/predictions.npz")
    rows = {"as-published": (40, 30), "strict": (len(kept["target/audio"]),) * 2}[mode]
    assert (len(kept["audio->audio"]), len(kept["audio->video"])) == rows
    said, true = kept["audio->video"] > 0.5, kept["target/video"] > 0.5
    if mode == "strict":
        right = (said & true)[..., :-1].sum()
        f1 = 2 * right / (said[..., :-1].sum() + true[..., :-1].sum())
        assert f1 == pytest.approx(entries["audio", "video", "segment_f1"]["mean"])


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_packed_files_give_the_results_of_the_original_ones(recipe, llp, tmp_path, mode):
    mode = f"evaluate.mode={mode!r}"
    original = run(recipe, llp, tmp_path / "original", mode)
    overrides = (*OVERRIDES, f"bench.localization.root={str(llp)!r}", mode)
    codaar_core.pack_benchmark(recipe, "localization", tmp_path / "packed", "float32", overrides)
    packed = run(recipe, llp, tmp_path / "again", mode, f"bench.localization.packed={str(tmp_path / 'packed')!r}")
    first, second = (json.loads((each / "results.json").read_text()) for each in (original, packed))
    assert first["transfers"] == second["transfers"]


def test_a_missing_folder_ends_with_its_name(recipe, tmp_path):
    with pytest.raises(CodaarError, match="nowhere"):
        run(recipe, Path("nowhere"), tmp_path)
