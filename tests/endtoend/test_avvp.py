"""A small recipe on generated copies of LLP and AVE, in both modes: heads name the events of every second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np
import pytest
from file_benchmarks import Entries, FileBenchmark, assert_equal_results, entries_of, predictions_of

from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_avvp")


@pytest.fixture(scope="module")
def localization(recipe, module_at, tmp_path_factory) -> FileBenchmark:
    """On the data that the tests of the plug-in generate."""
    root = module_at("plugins/avvp/tests/small_llp.py").write_llp(tmp_path_factory.mktemp("llp"))
    return FileBenchmark(recipe, "avvp-localization", {"root": root, "epochs": 3, "batch": 8, "lr": 1e-2})


@pytest.fixture(scope="module")
def transfer(recipe, module_at, tmp_path_factory) -> FileBenchmark:
    """From AVE to LLP, on the data that the tests of the plug-in generate."""
    small_llp = module_at("plugins/avvp/tests/small_llp.py")
    root = small_llp.write_llp(tmp_path_factory.mktemp("llp"), "AVE_AVVP", ("Dog", "Car", "Cat"))
    ave = small_llp.write_ave(root / "AVE", root)
    return FileBenchmark(recipe, "ave-avvp", {"root": root, "ave": ave, "epochs": 3, "batch": 16, "lr": 1e-2})


def measured(bench: FileBenchmark, folder: Path, mode: str, headline: str) -> tuple[Entries, Mapping[str, np.ndarray]]:
    """Scores and predictions of a run, after a check of the headlines."""
    directory = bench.run(folder, f"evaluate.mode={mode!r}")
    entries = entries_of(directory)
    headlines = [key for key, entry in entries.items() if entry["headline"]]
    assert headlines == [("audio", "video", headline), ("video", "audio", headline)]
    return entries, predictions_of(directory)


def test_localization_as_published_is_measured_beside_its_references(localization, tmp_path):
    entries, kept = measured(localization, tmp_path, "as-published", "precision")
    assert entries["video", "audio", "precision"]["published"] == 0.708
    assert (len(kept["audio->audio"]), len(kept["audio->video"])) == (40, 30)  # rows of the tables


def test_strict_localization_is_measured_beside_its_references(localization, tmp_path):
    entries, kept = measured(localization, tmp_path, "strict", "segment_f1")
    assert entries["video", "audio", "precision"]["published"] is None
    predicted, true = kept["audio->video"][..., :-1] > 0.5, kept["target/video"][..., :-1] > 0.5
    assert len(predicted) == len(kept["audio->audio"]) == len(kept["target/audio"])
    f1 = 2 * (predicted & true).sum() / (predicted.sum() + true.sum())
    assert f1 == pytest.approx(entries["audio", "video", "segment_f1"]["mean"])


@pytest.mark.parametrize(
    ("mode", "headline", "published", "rows"),
    [
        ("as-published", "f1", 0.565, (40, 30)),
        ("strict", "segment_f1", None, (37, 37)),  # without the three recordings that AVE has as well
    ],
)
def test_the_transfer_from_ave_is_measured_beside_its_references(transfer, tmp_path, mode, headline, published, rows):
    entries, kept = measured(transfer, tmp_path, mode, headline)
    assert entries["audio", "video", headline]["published"] == published
    assert (len(kept["audio->audio"]), len(kept["audio->video"])) == rows
    assert kept["audio->video"].shape[1:] == (10, 13)


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_packed_files_give_the_results_of_the_original_ones(localization, tmp_path, mode):
    mode = f"evaluate.mode={mode!r}"
    assert_equal_results(localization.run(tmp_path / "original", mode), localization.run_packed(tmp_path, mode))


def test_a_missing_folder_ends_with_its_name(localization, tmp_path):
    with pytest.raises(CodaarError, match="nowhere"):
        attrs.evolve(localization, settings={**localization.settings, "root": Path("nowhere")}).run(tmp_path)


def test_a_missing_ave_ends_with_where_to_get_it(transfer, tmp_path):
    without = {name: value for name, value in transfer.settings.items() if name != "ave"}
    with pytest.raises(CodaarError, match="needs `ave`") as error:
        attrs.evolve(transfer, settings=without).run(tmp_path)
    assert "github.com" in error.value.help
