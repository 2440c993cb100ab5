"""How fast `codaar encode` encodes packed clips of paper size, and its peak memory by the number of clips.

Prints one JSON line. The model is that of recipes/paper/avt.toml, untrained; features are random, float16. Beside it,
in the same run, each clip is encoded alone with ``model.encode``; indices must be equal. With ``--against FILE``
another implementation is measured too: FILE is Python and defines ``encoder(dtype)``, which builds it and returns a
function that encodes a dictionary of one batch of features by modality.
"""

from __future__ import annotations

import argparse
import json
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from steps import peak_gb

import codaar_core
from codaar_core.api import Batch, Features, Split
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.features import Header, PackedSplit, pack_split
from codaar_core.recipe import load

RECIPE = "recipes/paper/avt.toml"
SHAPES = {"audio": (10, 128), "video": (10, 7, 7, 512), "text": (10, 768)}
DISTINCT = 50  # clips that are drawn; the others repeat them, which changes neither speed nor memory


class Drawn(Split):
    """Random clips; two thirds of the values are zero, as after a rectifier."""

    def __init__(self, clips: int) -> None:
        generator = np.random.default_rng(0)
        self.clips = clips
        self.values = {
            m: torch.from_numpy(np.maximum(generator.standard_normal((DISTINCT, *shape), np.float32) - 0.43, 0))
            for m, shape in SHAPES.items()
        }

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices: range | list[int]) -> Batch:
        """Read clips."""
        rows = [index % DISTINCT for index in indices]
        return Batch({m: Features(each[rows]) for m, each in self.values.items()}, {})


def main() -> None:
    """Measure each number of clips in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--alone", type=int, default=50, help="clips that are encoded one at a time")
    parser.add_argument("--override", action="append", default=[], help=f"of {RECIPE}")
    parser.add_argument("--against", metavar="FILE", help="another implementation")
    parser.add_argument("--against-dtype", default="float64", help="the precision it is asked for")
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "CLIPS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(encode(Path(options.one[0]), int(options.one[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, result = Path(name), {"benchmark": "encode"}
        for clips in options.clips:
            packed = folder / str(clips) / "pretrain.h5"
            pack_split(Drawn(clips), packed, Header("random", "none", {}), "float16")
        make_model(folder, options.clips[0], options.override)
        for clips in options.clips:
            command = [sys.executable, __file__, "--one", str(folder), str(clips)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            result[f"clips_{clips}"] = json.loads(done.stdout.splitlines()[-1])
        result["one_clip_at_a_time"] = alone(folder, options.clips[0], options.alone)
        if options.against:
            result["against"] = other(folder, options)
    print(json.dumps(result))


def make_model(folder: Path, clips: int, overrides: list[str]) -> None:
    """Write a run directory with an untrained model whose codewords are spread, so that many are in use."""
    data = ["data.use=packed", f"data.folder={json.dumps(str(folder / str(clips)))}"]
    words = [*data, "evaluate.on=[]", "device.on=cpu", *overrides]
    plan = load(RECIPE, words)
    model = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    model.quantizer.codewords.normal_()
    codaar_core.adopt_model(folder / "run", RECIPE, words, model.state_dict(), origin="untrained")


def encode(folder: Path, clips: int) -> dict[str, float]:
    """The command, without starting the process."""
    start, cpu = time.perf_counter(), time.process_time()
    packed = folder / str(clips) / "pretrain.h5"
    codaar_core.encode(folder / "run", folder / f"{clips}.codes.h5", packed=packed, device="cpu")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {**rates(clips, seconds, cpu), "peak_gb": round(peak_gb(), 2)}


def rates(clips: int, seconds: float, cpu: float) -> dict[str, float]:
    """Rates of a measurement."""
    return {"clips_per_second": round(clips / seconds, 1), "clips_per_cpu_second": round(clips / cpu, 1)}


def alone(folder: Path, clips: int, count: int) -> dict[str, float]:
    """Encode clips one at a time, and compare their indices with those of the file."""
    model, split = codaar_core.open_model(folder / "run"), PackedSplit(folder / str(clips) / "pretrain.h5")
    model.encode({m: each.values for m, each in split[[0]].inputs.items()})
    start, cpu = time.perf_counter(), time.process_time()
    found = [model.encode({m: each.values for m, each in split[[clip]].inputs.items()}) for clip in range(count)]
    measured = rates(count, time.perf_counter() - start, time.process_time() - cpu)
    with h5py.File(folder / f"{clips}.codes.h5") as file:
        same = [
            (codes.indices[0].numpy() == file[m]["indices"][clip]).mean()
            for clip, each in enumerate(found)
            for m, codes in each.items()
        ]
        used = {m: len(np.unique(file[m]["indices"][:count])) for m in file}
    return {**measured, "equal_indices": float(np.mean(same)), "codewords_in_use": used}


def other(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """The other implementation, one clip at a time."""
    call = runpy.run_path(options.against)["encoder"](options.against_dtype)
    split = PackedSplit(folder / str(options.clips[0]) / "pretrain.h5")
    batches = [{m: each.values.float() for m, each in split[[clip]].inputs.items()} for clip in range(options.alone)]
    call(batches[0])
    start, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        call(batch)
    return rates(options.alone, time.perf_counter() - start, time.process_time() - cpu)


if __name__ == "__main__":
    main()
