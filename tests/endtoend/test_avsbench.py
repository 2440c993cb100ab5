"""A small recipe on a generated AVSBench-S4, in both modes: encoders that were pretrained on ten steps read five."""

from __future__ import annotations

import numpy as np
import pytest
from file_benchmarks import FileBenchmark, assert_equal_results, entries_of, predictions_of

from codaar_core.api import CodaarError

pytest.importorskip("codaar_plugin_avsbench")
pytest.importorskip("transformers")
TEXT = 16
HEAD = ("bench.test.head.backbone='small'", "bench.test.head.channels=8")


@pytest.fixture(scope="module")
def bench(recipe, module_at, tmp_path_factory) -> FileBenchmark:
    """On the data and the BERT that the tests of the plug-in generate."""
    small_s4 = module_at("plugins/avsbench/tests/small_s4.py")
    folder = tmp_path_factory.mktemp("avsbench")
    bert, root = small_s4.write_bert(folder / "bert", TEXT), small_s4.write_s4(folder)
    settings = {"root": root, "bert": bert, "side": 64, "epochs": 2, "batch": 4, "lr": 1e-3}
    return FileBenchmark(recipe, "avsbench-s4", settings, (f"data.words={TEXT}", *HEAD))


def test_packed_files_give_the_results_of_the_original_ones(bench, tmp_path):
    """The pictures that heads are given are packed too."""
    assert_equal_results(bench.run(tmp_path / "original"), bench.run_packed(tmp_path))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_both_transfers_are_measured_beside_their_references(bench, tmp_path, mode):
    directory = bench.run(tmp_path, f"evaluate.mode={mode!r}")
    entries = entries_of(directory)
    pairs = [("audio", "text"), ("text", "audio")]
    assert list(entries) == [(*pair, metric) for pair in pairs for metric in ("mean_iou", "f_score")]
    to_text = entries["audio", "text", "mean_iou"]
    assert to_text["published"] == (0.743 if mode == "as-published" else None)

    kept = predictions_of(directory)
    assert kept["audio->text"].shape == kept["target/text"].shape == (4, 5, 64, 64)
    assert kept["audio->text"].dtype == np.uint8
    predicted, true = kept["audio->text"] >= 128, kept["target/text"] > 0
    iou = ((predicted & true).sum((2, 3)) / (predicted | true).sum((2, 3))).mean()
    assert iou == pytest.approx(to_text["mean"], abs=1e-6)


def test_missing_weights_are_noticed_before_the_pretraining(bench, tmp_path):
    with pytest.raises(CodaarError, match=r"weights no\.pth") as caught:
        bench.run(tmp_path, "bench.test.head.backbone='pvt-v2-b5'", "bench.test.head.weights='no.pth'")
    assert "pvt_v2_b5.pth" in str(caught.value)
    assert not list(tmp_path.rglob("model.safetensors"))
