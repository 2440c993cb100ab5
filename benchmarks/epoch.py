"""How long an epoch of pretraining takes at the paper's sizes, with reading: packed float16 clips, random ones.

Prints one JSON line: seconds of the steps of an epoch after the first, of the checkpoint that follows, clips a second,
seconds of an epoch of 40,801 clips at that rate (VGGSound-AVEL 40K, arXiv 2605.12145, section 5.1) with its checkpoint,
and peak memory. The file is in memory that the system keeps.
"""

from __future__ import annotations

import argparse
import json
import math
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
    """Seconds of each epoch, and of its steps without the checkpoint that follows.

    Args:
        steps: Steps of an epoch.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.of_steps: list[float] = []
        self.of_epochs: list[float] = []

    @hook
    def codaar_epoch_start(self) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    @hook
    def codaar_step_end(self, step: int) -> None:
        """After the last step, wait for the device."""
        if (step + 1) % self.steps == 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.of_steps.append(time.perf_counter() - self.start)

    @hook
    def codaar_epoch_end(self) -> None:
        """Stop the clock."""
        self.of_epochs.append(time.perf_counter() - self.start)


def main() -> None:
    """Pack clips, and train on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--override", action="append", default=[], help="of recipes/paper/avt.toml")
    options = parser.parse_args()
    settings = [f"data.batch={options.batch}", f"run.epochs={options.epochs}", "run.log_every=20", *options.override]
    epochs = Epochs(math.ceil(options.clips / options.batch))
    with TemporaryDirectory() as folder:
        packed = Path(folder) / "clips.h5"
        pack_split(Drawn(MODALITIES, options.clips), packed, Header("made up", "none", {}), "float16")
        train(load(PAPER, settings), lambda spaces: PackedSplit(packed), epochs)
    seconds, of_steps = median(epochs.of_epochs[1:]), median(epochs.of_steps[1:])
    whole = CLIPS * of_steps / options.clips + seconds - of_steps
    result = {
        "benchmark": "epoch",
        "clips": options.clips,
        "batch": options.batch,
        "seconds_of_steps": round(of_steps, 2),
        "seconds_of_checkpoint": round(seconds - of_steps, 2),
        "clips_per_second": round(options.clips / of_steps),
        "seconds_of_40801_clips": round(whole, 1),
        "peak_gb": peak_gb(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
