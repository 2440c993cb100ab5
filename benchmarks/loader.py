"""How fast clips are read from one packed file, beside one zip file with a pickle for each clip and modality.

Prints one JSON line; the ratios were measured in one run, alternating, on clips of the public releases' shapes that
the system has in memory. Goals: 20 times as fast as deflated zip files, 3,000 clips a second.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from codaar_core.api import Space, Split
from codaar_core.features import ClipSplit, FileTrack, Header, PackedSplit, RowTrack, pack_split

SOUND, FRAMES, WORDS = Space((128,), 10), Space((7, 7, 512), 10), Space((768,), 10)
CLASSES = 141
KINDS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}


def main() -> None:
    """Measure, alternating between the kinds of files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        splits = {kind: released(Path(folder, kind), options.clips, method) for kind, method in KINDS.items()}
        splits |= {f"packed_{dtype}": packed(Path(folder), splits["stored"], dtype) for dtype in ("float16", "float32")}
        rates: dict[str, list[float]] = {kind: [] for kind in splits}
        for turn in range(options.repeat):
            for kind, split in splits.items():
                rates[kind].append(clips_a_second(split, options.batch, seed=turn))
    middle = {kind: median(each) for kind, each in rates.items()}
    result = {
        "benchmark": "loader",
        "clips": options.clips,
        "batch": options.batch,
        **{f"{kind}_clips_per_second": round(rate) for kind, rate in middle.items()},
        **{f"ratio_to_{kind}": round(middle["packed_float16"] / middle[kind], 1) for kind in KINDS},
    }
    print(json.dumps(result))


def released(folder: Path, clips: int, method: int) -> ClipSplit:
    """Write made-up features as the releases do: float32, one zip a clip; two thirds of the values are zero."""
    generator = np.random.default_rng(0)
    ids = [f"{clip:011d}" for clip in range(clips)]
    for modality, space in {"audio": SOUND, "video": FRAMES}.items():
        (folder / modality).mkdir(parents=True)
        for name in ids:
            values = np.maximum(generator.standard_normal((10, *space.shape), np.float32) - 0.43, 0)
            with zipfile.ZipFile(folder / modality / f"{name}.zip", "w", method) as archive:
                archive.writestr(f"{name}.pkl", pickle.dumps(values, protocol=4))
    prompts = RowTrack(generator.standard_normal((CLASSES, 10, *WORDS.shape), np.float32), np.arange(clips) % CLASSES)
    files = {"audio": FileTrack(folder / "audio", ids, SOUND), "video": FileTrack(folder / "video", ids, FRAMES)}
    return ClipSplit(ids, {**files, "text": prompts})


def packed(folder: Path, split: ClipSplit, dtype: str) -> PackedSplit:
    """Pack the same clips."""
    path = folder / f"{dtype}.h5"
    pack_split(split, path, Header("made up", "none", {}), dtype)
    return PackedSplit(path)


def clips_a_second(split: Split, batch: int, seed: int) -> float:
    """Read all clips once, shuffled, in batches."""
    order = list(range(len(split)))
    random.Random(seed).shuffle(order)
    read: Callable[[list[int]], object] = split.__getitem__
    start = time.perf_counter()
    for first in range(0, len(order), batch):
        read(order[first : first + batch])
    return len(order) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
