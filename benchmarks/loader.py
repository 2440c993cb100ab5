"""How fast clips are read from one packed file, beside one file for each clip and modality: zip, HDF5, npy.

Prints one JSON line; the ratios were measured in one run, alternating, on clips of the public releases' shapes that
the system has in memory. Goals: 20 times as fast as deflated zip files, 3,000 clips a second. With ``--workers N``, N
processes (``data.workers``) read the files of each clip too, and their rate is divided by that of this process.
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
from functools import partial
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import torch

from codaar_core.api import Space, Split
from codaar_core.engine.devices.reader_processes import ReaderProcesses
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.features import ClipSplit, FileTrack, Header, PackedSplit, RowTrack, Track, pack_split

SOUND, FRAMES, WORDS = Space((128,), 10), Space((7, 7, 512), 10), Space((768,), 10)
MODALITIES = ("audio", "video", "text")
CLASSES = 141
KINDS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}


def main() -> None:
    """Measure, alternating between the kinds of files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="processes that read the files of each clip too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ReaderProcesses(options.workers) as readers:
        splits = {kind: released(Path(folder, kind), options.clips, method) for kind, method in KINDS.items()}
        files = splits | {kind: rewritten(Path(folder, kind), splits["stored"], kind) for kind in WRITERS}
        splits |= {f"packed_{dtype}": packed(Path(folder), splits["stored"], dtype) for dtype in ("float16", "float32")}
        runs = {kind: partial(clips_a_second, split, options.batch) for kind, split in (splits | files).items()}
        if options.workers:
            runtime = Runtime(torch.device("cpu"), torch.float32, readers=readers)
            in_processes = partial(clips_a_second_in_processes, runtime, batch=options.batch)
            runs |= {f"{kind}_workers": partial(in_processes, split) for kind, split in files.items()}
            in_processes(files["stored"], seed=0)  # starts the processes
        rates: dict[str, list[float]] = {kind: [] for kind in runs}
        for turn in range(options.repeat):
            for kind, run in runs.items():
                rates[kind].append(run(seed=turn))
    middle = {kind: median(each) for kind, each in rates.items()}
    result = {
        "benchmark": "loader",
        "clips": options.clips,
        "batch": options.batch,
        "workers": options.workers,
        **{f"{kind}_clips_per_second": round(rate) for kind, rate in middle.items()},
        **{f"ratio_to_{kind}": round(middle["packed_float16"] / middle[kind], 1) for kind in KINDS},
        **{
            f"ratio_of_workers_{kind}": round(middle[f"{kind}_workers"] / middle[kind], 2)
            for kind in files
            if options.workers
        },
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


def write_npy(path: Path, values: np.ndarray) -> None:
    """Write a ``.npy`` file."""
    np.save(path.with_suffix(".npy"), values)


def write_h5(path: Path, values: np.ndarray) -> None:
    """Write a file of HDF5 with one dataset, compressed by gzip."""
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file.create_dataset("values", data=values, compression="gzip")


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {"npy": write_npy, "h5_gzip": write_h5}


def rewritten(folder: Path, split: ClipSplit, kind: str) -> ClipSplit:
    """Write the same clips in another format."""
    tracks: dict[str, Track] = dict(split.tracks)
    for modality, space in {"audio": SOUND, "video": FRAMES}.items():
        (folder / modality).mkdir(parents=True)
        for clip, name in enumerate(split.ids):
            WRITERS[kind](folder / modality / name, split.tracks[modality].read(clip))
        tracks[modality] = FileTrack(folder / modality, list(split.ids), space)
    return ClipSplit(split.ids, tracks)


def packed(folder: Path, split: ClipSplit, dtype: str) -> PackedSplit:
    """Pack the same clips."""
    path = folder / f"{dtype}.h5"
    pack_split(split, path, Header("made up", "none", {}), dtype)
    return PackedSplit(path)


def batches_of(split: Split, batch: int, seed: int) -> list[list[int]]:
    """All clips once, shuffled, in batches."""
    order = list(range(len(split)))
    random.Random(seed).shuffle(order)
    return [order[first : first + batch] for first in range(0, len(order), batch)]


def clips_a_second(split: Split, batch: int, seed: int) -> float:
    """Read all clips in this process."""
    read: Callable[[list[int]], object] = split.__getitem__
    start = time.perf_counter()
    for clips in batches_of(split, batch, seed):
        read(clips)
    return len(split) / (time.perf_counter() - start)


def clips_a_second_in_processes(runtime: Runtime, split: Split, batch: int, seed: int) -> float:
    """Read all clips as the training does with ``data.workers``."""
    start = time.perf_counter()
    for _ in runtime.batches(split.__getitem__, batches_of(split, batch, seed), list(MODALITIES), split.reads_files):
        pass
    return len(split) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
