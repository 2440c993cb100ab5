"""A small recipe on a generated AVE and LLP, in both modes: heads learn from the one and are tested on the other."""

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
    "evaluate.on=['transfer']",
    "bench.transfer.use='ave-avvp'",
    "bench.transfer.epochs=3",
    "bench.transfer.batch=16",
    "bench.transfer.lr=1e-2",
)


@pytest.fixture(scope="module")
def copy(module_at, tmp_path_factory) -> Path:
    """The data as generated for the tests of the plug-in."""
    small_llp = module_at("plugins/avvp/tests/small_llp.py")
    folder = small_llp.write_llp(tmp_path_factory.mktemp("llp"), "AVE_AVVP", ("Dog", "Car", "Cat"))
    small_llp.write_ave(folder / "AVE", folder)
    return folder


def run(recipe: Path, copy: Path, folder: Path, *overrides: str) -> Path:
    paths = (
        f"run.directory={str(folder)!r}",
        f"bench.transfer.root={str(copy)!r}",
        f"bench.transfer.ave={str(copy / 'AVE')!r}",
    )
    return codaar_core.run(recipe, overrides=(*OVERRIDES, *paths, *overrides))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(recipe, copy, tmp_path, mode):
    directory = run(recipe, copy, tmp_path, f"evaluate.mode={mode!r}")
    results = json.loads((directory / "results.json").read_text())
    entries = {(e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    headline = "f1" if mode == "as-published" else "segment_f1"
    assert [key for key, entry in entries.items() if entry["headline"]] == [
        ("audio", "video", headline),
        ("video", "audio", headline),
    ]
    for entry in entries.values():
        assert all(0 <= entry[key] <= 1 for key in ("mean", "chance", "constant", "upper_bound"))
    assert entries["audio", "video", headline]["published"] == (0.565 if mode == "as-published" else None)
    kept = np.load(directory / "bench/transfer/seed-1/predictions.npz")
    rows = {"as-published": (40, 30), "strict": (37, 37)}[mode]  # strict: without the three that AVE has as well
    assert (len(kept["audio->audio"]), len(kept["audio->video"])) == rows
    assert kept["audio->video"].shape[1:] == (10, 13)


def test_a_missing_ave_ends_with_where_to_get_it(recipe, copy, tmp_path):
    with pytest.raises(CodaarError, match="needs `ave`") as error:
        codaar_core.run(
            recipe,
            overrides=(*OVERRIDES, f"run.directory={str(tmp_path)!r}", f"bench.transfer.root={str(copy)!r}"),
        )
    assert "github.com" in error.value.help
