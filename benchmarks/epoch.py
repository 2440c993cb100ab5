"""How long an epoch of pretraining takes at the paper's sizes, with reading: packed float16 clips, random ones.

Prints one JSON line: seconds of the epochs after the first, clips a second, seconds of an epoch of 40,801 clips at that
rate (VGGSound-AVEL 40K, arXiv 2605.12145, section 5.1), and peak memory. The file is in memory that the system keeps.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from encode import Drawn
from steps import PAPER, peak_gb, train

from codaar_core import load
from codaar_core.api import hook
from codaar_core.features import Header, PackedSplit, pack_split

MODALITIES = ["audio", "video", "text"]
CLIPS = 40_801


class Epochs:
    """When each epoch begins and has taken its last step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @hook
    def codaar_epoch_start(self) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    @hook
    def codaar_epoch_end(self) -> None:
        """Wait for the device, and stop it; the checkpoint of the epoch is counted."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.start)


def main() -> None:
    """Pack clips, and train on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--override", action="append", default=[], help="of recipes/paper/avt.toml")
    options = parser.parse_args()
    settings = [f"data.batch={options.batch}", f"run.epochs={options.epochs}", "run.log_every=20", *options.override]
    epochs = Epochs()
    with TemporaryDirectory() as folder:
        packed = Path(folder) / "clips.h5"
        pack_split(Drawn(MODALITIES, options.clips), packed, Header("made up", "none", {}), "float16")
        train(load(PAPER, settings), lambda spaces: PackedSplit(packed), epochs)
    seconds = median(epochs.seconds[1:])
    rate = options.clips / seconds
    result = {"benchmark": "epoch", "clips": options.clips, "batch": options.batch, "seconds": round(seconds, 2)}
    whole = {"clips_per_second": round(rate), "seconds_of_40801_clips": round(CLIPS / rate, 1), "peak_gb": peak_gb()}
    print(json.dumps(result | whole))


if __name__ == "__main__":
    main()
