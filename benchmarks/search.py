"""How fast `codaar search` searches the codes of many clips, both ways, and its peak memory.

Prints one JSON line. The model is that of recipes/as-published/avt.toml, untrained; codes are random: ten steps a clip,
codewords drawn unevenly. Queries are the first clips in the other modality. Seconds contain opening the model.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from encode import RECIPE, make_model
from steps import peak_gb

import codaar_core

STEPS = 10


def main() -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder, RECIPE, ["device.dtype=float32"])
        run = folder / "run"
        codewords = codaar_core.open_model(run).model.quantizer.size
        index = write_codes(folder / "codes.h5", options.clips, codewords)
        queries = write_codes(folder / "queries.h5", options.queries, codewords)
        result = {"benchmark": "search", "clips": options.clips, "queries": options.queries}
        result["one_by_vectors"] = timed(lambda: codaar_core.search(run, index, "0", "audio"))
        result["first_by_codes"] = timed(lambda: codaar_core.search(run, index, "0", "audio", by="codes"))
        result["again_by_codes"] = timed(lambda: codaar_core.search(run, index, "0", "audio", by="codes"))
        for method in ("exact", "faiss"):
            found = timed(lambda method=method: codaar_core.search(run, index, queries, "audio", method=method))
            result[f"queries_{method}"] = found
        result["recall"] = timed(lambda: codaar_core.search(run, index, queries, "audio", recall=[1, 5, 10]))
        print(json.dumps({**result, "peak_gb": peak_gb()}))


def write_codes(path: Path, clips: int, codewords: int) -> Path:
    """A file of codes; low indices are frequent, as in trained models."""
    draw = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs.update({"codaar_codes": 1, "seconds": 1.0})
        for modality in ("audio", "video"):
            group = file.create_group(modality)
            group.attrs.update({"clips": "random", "codewords": codewords, "whole_clips": False})
            group["ids"] = [str(clip) for clip in range(clips)]
            group["indices"] = (codewords * draw.random((clips, STEPS)) ** 3).astype(np.int32)
            group["mask"] = np.ones((clips, STEPS), bool)
            group["times"] = np.arange(STEPS) * 1.0
    return path


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Seconds and CPU seconds of a call."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return {"seconds": round(time.perf_counter() - start, 2), "cpu_seconds": round(time.process_time() - cpu, 2)}


if __name__ == "__main__":
    main()
