"""How fast `codaar encode` encodes packed clips of paper size, and whether its memory grows with their number.

Prints one JSON line. The model is that of a recipe, by default recipes/as-published/avt.toml in float32, untrained,
with codewords spread so that many are in use; features are random, float16. Each set of clips,
MODALITY+MODALITY:CLIPS, is packed and encoded in a process of its own. Beside the first set, in the same run, some of
its clips are encoded one at a time with ``model.encode``; indices must be equal. With ``--against FILE`` another
implementation is measured too: FILE is Python and defines ``encoder(dtype, run)``, which builds it with the weights of
a run directory and returns a function from one batch of features by modality to indices by modality.
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

RECIPE = "recipes/as-published/avt.toml"
SHAPES = {"audio": (10, 128), "video": (10, 7, 7, 512), "text": (10, 768)}
DISTINCT = 50  # clips that are drawn; the others repeat them, which changes neither speed nor memory
EVERYTHING = "+".join(SHAPES)


class Drawn(Split):
    """Random clips; two thirds of the values are zero, as after a rectifier."""

    def __init__(self, modalities: list[str], clips: int) -> None:
        self.clips = clips
        self.values = {
            m: torch.from_numpy(
                np.maximum(np.random.default_rng(0).standard_normal((DISTINCT, *SHAPES[m]), np.float32) - 0.43, 0)
            )
            for m in modalities
        }

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices: range | list[int]) -> Batch:
        """Read clips."""
        rows = [index % DISTINCT for index in indices]
        return Batch({m: Features(each[rows]) for m, each in self.values.items()}, {})


def main() -> None:
    """Measure each set of clips in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", default=[f"{EVERYTHING}:500", f"{EVERYTHING}:2000"], metavar="SET")
    parser.add_argument("--alone", type=int, default=50, help="clips of the first set that are encoded one at a time")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--override", action="append", default=["device.dtype=float32"], help="of the recipe")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--against", metavar="FILE", help="another implementation")
    parser.add_argument("--against-dtype", default="float64", help="the precision it is asked for")
    parser.add_argument("--against-batch", type=int, default=16, help="clips that it is given at once")
    parser.add_argument("--folder", type=Path, help="where the clips are packed; by default a temporary folder")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        folder, name, clips, processes = options.one
        print(json.dumps(encode(Path(folder), name, int(clips), int(processes))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        print(json.dumps(measure(Path(name), options)))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Everything, in the order of the sets."""
    result: dict[str, object] = {"benchmark": "encode", "processes": options.processes}
    make_model(folder, options.recipe, options.override)
    for number, each in enumerate(options.clips):
        names, clips = each.split(":")
        packed = folder / f"{each}.h5"
        pack_split(Drawn(names.split("+"), int(clips)), packed, Header("random", "none", {}), "float16")
        command = [sys.executable, __file__, "--one", str(folder), each, clips, str(options.processes)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        result[each] = json.loads(done.stdout.splitlines()[-1])
        if number == 0:
            result["one_clip_at_a_time"] = alone(folder, packed, each, options.alone)
            if options.against:
                result["against"] = other(folder, packed, each, options)
        packed.unlink()
    return result


def make_model(folder: Path, recipe: str, overrides: list[str]) -> None:
    """Write a run directory with an untrained model whose codewords are spread, so that many are in use."""
    packed = folder / "model" / "pretrain.h5"
    pack_split(Drawn(list(SHAPES), DISTINCT), packed, Header("random", "none", {}), "float16")
    words = [
        "data.use=packed",
        f"data.folder={json.dumps(str(packed.parent))}",
        "evaluate.on=[]",
        "device.on=cpu",
        *overrides,
    ]
    plan = load(recipe, words)
    model = build_model(plan, dict(build_data(plan).spaces))
    torch.manual_seed(0)
    model.quantizer.codewords.normal_()
    codaar_core.adopt_model(folder / "run", recipe, words, model.state_dict(), origin="untrained")


def encode(folder: Path, name: str, clips: int, processes: int) -> dict[str, float]:
    """The command, without starting its process. Memory is read when a tenth and when all of the clips are done."""
    memory: dict[int, float] = {}

    def progress(done: int, total: int) -> None:
        for percent in (10, 100):
            if done >= total * percent // 100:
                memory.setdefault(percent, resident_gb())

    start, cpu = time.perf_counter(), time.process_time()
    codaar_core.encode(
        folder / "run",
        folder / f"{name}.codes.h5",
        packed=folder / f"{name}.h5",
        device="cpu",
        progress=progress,
        processes=processes,
    )
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    found = {f"resident_gb_at_{percent}_percent": round(gb, 3) for percent, gb in memory.items()}
    return {**rates(clips, seconds, cpu), **found, "peak_gb": round(peak_gb(), 3)}


def resident_gb() -> float:
    """Memory of this process that is no file: pages of the packed file belong to the cache of the system."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1e6


def rates(clips: int, seconds: float, cpu: float) -> dict[str, float]:
    """Rates of a measurement."""
    return {
        "seconds": round(seconds, 1),
        "clips_per_second": round(clips / seconds, 2),
        "clips_per_cpu_second": round(clips / cpu, 2),
    }


def alone(folder: Path, packed: Path, name: str, count: int) -> dict[str, object]:
    """Encode clips one at a time, and compare their indices with those of the file."""
    model, split = codaar_core.open_model(folder / "run"), PackedSplit(packed)
    model.encode({m: each.values for m, each in split[[0]].inputs.items()})
    start, cpu = time.perf_counter(), time.process_time()
    found = [model.encode({m: each.values for m, each in split[[clip]].inputs.items()}) for clip in range(count)]
    measured = rates(count, time.perf_counter() - start, time.process_time() - cpu)
    indices = {m: torch.cat([each[m].indices for each in found]) for m in found[0]}
    with h5py.File(folder / f"{name}.codes.h5") as file:
        used = {m: len(np.unique(file[m]["indices"][:count])) for m in file}
    return {**measured, "equal_indices": equal(folder, name, indices), "codewords_in_use": used}


def other(folder: Path, packed: Path, name: str, options: argparse.Namespace) -> dict[str, object]:
    """The other implementation, a batch at a time."""
    call = runpy.run_path(options.against)["encoder"](options.against_dtype, folder / "run")
    split, size = PackedSplit(packed), options.against_batch
    count = max(size, options.alone // size * size)
    parts = [list(range(start, start + size)) for start in range(0, count, size)]
    batches = [{m: each.values.float() for m, each in split[part].inputs.items()} for part in parts]
    call({m: values[:1] for m, values in batches[0].items()})
    start, cpu = time.perf_counter(), time.process_time()
    found = [call(batch) for batch in batches]
    measured = rates(count, time.perf_counter() - start, time.process_time() - cpu)
    indices = {m: torch.cat([each[m] for each in found]) for m in found[0]}
    return {**measured, "batch": size, "equal_indices": equal(folder, name, indices)}


def equal(folder: Path, name: str, indices: dict[str, torch.Tensor]) -> dict[str, float]:
    """Share of the indices that are those of the file, by modality."""
    with h5py.File(folder / f"{name}.codes.h5") as file:
        return {m: float((file[m]["indices"][: len(each)] == each.numpy()).mean()) for m, each in indices.items()}


if __name__ == "__main__":
    main()
