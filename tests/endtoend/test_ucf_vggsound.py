"""A small recipe on generated lists of UCF101 and VGGSound, in both modes: heads are tested on another data set."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
import pytest
from file_benchmarks import FileBenchmark, assert_equal_results, entries_of, predictions_of

from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_ucf_vggsound")


@pytest.fixture(scope="module")
def bench(recipe, module_at, tmp_path_factory) -> FileBenchmark:
    """On the data that the tests of the plug-in generate."""
    small = module_at("plugins/ucf_vggsound/tests/small_ucf_vggsound.py")
    root = small.write_both(tmp_path_factory.mktemp("ucf-vggsound"))
    return FileBenchmark(recipe, "ucf-vggsound", {"root": root, "epochs": 3, "batch": 16, "lr": 1e-2})


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(bench, tmp_path, mode):
    directory = bench.run(tmp_path, f"evaluate.mode={mode!r}")
    entries = entries_of(directory)
    assert len(entries) == (2 if mode == "as-published" else 8)
    assert all(entry["headline"] == (metric == "accuracy") for (_, _, metric), entry in entries.items())
    to_audio = entries["video", "audio", "accuracy"]
    assert to_audio["published"] == (0.735 if mode == "as-published" else None)
    assert to_audio["constant"] == pytest.approx(1 / 3)
    kept = predictions_of(directory)
    predicted, true = kept["video->audio"], kept["target/audio"]
    assert (len(predicted), len(kept["target/video"])) == (30, 24)
    assert (predicted == true).mean() == pytest.approx(to_audio["mean"])


def test_packed_files_give_the_results_of_the_original_ones(bench, tmp_path):
    packed = bench.run_packed(tmp_path)
    assert len(list((tmp_path / "packed").glob("*.h5"))) == 6
    assert_equal_results(bench.run(tmp_path / "original"), packed)


def test_an_empty_list_is_noticed_before_the_training(bench, tmp_path):
    root = shutil.copytree(bench.settings["root"], tmp_path / "copy")
    (root / "vggsound2ucf.csv").write_text("category,video_id,split\n")
    with pytest.raises(CodaarError, match="test, test, audio: the split has no clips"):
        attrs.evolve(bench, settings={**bench.settings, "root": root}).run(tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*/*/checkpoints/*"))


def test_a_missing_folder_ends_with_its_name(bench, tmp_path):
    with pytest.raises(CodaarError, match="nowhere"):
        attrs.evolve(bench, settings={**bench.settings, "root": Path("nowhere")}).run(tmp_path)
