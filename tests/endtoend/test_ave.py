"""AVE classification in whole runs: pretraining on digits, then a generated copy of AVE, in both modes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from codaar_plugin_ave.example_files import write_example

import codaar_core

SMALL = (
    "run.epochs=1",
    "device.threads=1",
    "data.batch=20",
    "data.pretrain=20",
    "data.patches=8",
    "quantizer.codes=16",
    "quantizer.dim=8",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.seeds=[1]",
    'evaluate.on=["ave"]',
    'bench.ave.use="ave-classification"',
    "bench.ave.epochs=2",
)


@pytest.fixture(scope="module")
def ave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "ave"
    return write_example(folder, clips=(24, 8, 8), shapes={"audio": (128,), "video": (7, 7, 8)}, header=True)


@pytest.mark.parametrize(
    ("mode", "clips", "headline", "selection"),
    [("strict", 8, "accuracy", "validation"), ("as-published", 24, "macro_precision", "last")],
)
def test_a_run_scores_ave_in_both_directions(root, ave, tmp_path, mode, clips, headline, selection):
    settings = (f"evaluate.mode={mode!r}", f"bench.ave.root={str(ave)!r}", f"run.directory={str(tmp_path)!r}")
    directory = codaar_core.run(root / "recipes" / "av.toml", overrides=(*SMALL, *settings))
    results = json.loads((directory / "results.json").read_text())
    entries = {(entry["train"], entry["test"], entry["metric"]): entry for entry in results["transfers"]}
    assert {(train, test) for train, test, _ in entries} == {("audio", "video"), ("video", "audio")}
    for (train, test, metric), entry in entries.items():
        assert 0 <= entry["mean"] <= 1
        published = {"video": 0.476, "audio": 0.497}[train] if metric == "macro_precision" else None
        assert entry["published"] == published, (train, test, metric)
    assert entries["audio", "video", headline]["chance"] < 0.2
    record = json.loads((directory / "bench" / "ave" / "seed-1" / "metrics.json").read_text())
    assert (record["mode"], record["selection"]) == (mode, selection)
    with np.load(directory / "bench" / "ave" / "seed-1" / "predictions.npz") as arrays:
        assert len(arrays["audio->video"]) == clips
        accuracy = (arrays["audio->video"] == arrays["target/video"]).mean()
    assert entries["audio", "video", "accuracy"]["mean"] == pytest.approx(accuracy)
