"""How long one full-size training step on three modalities takes, and how much memory, by batch and precision.

Prints one JSON line. With ``--against FILE`` another implementation is measured beside: FILE is Python and defines
``step(batch, dtype)``, which builds it and gives a function that takes one step on random features.
"""

from __future__ import annotations

import argparse
import json
import runpy
import subprocess
import sys
import time
from statistics import median

from steps import measure, peak_gb

PRECISIONS = {"float64": ('device.dtype="float64"',), "float32": (), "bf16": ('device.autocast="bf16"',)}


def main() -> None:
    """Measure each in a process of its own, so that memory is its own too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 80])
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["float32", "bf16"])
    parser.add_argument("--repeat", type=int, default=3, help="steps that are measured")
    parser.add_argument("--override", action="append", default=[], help="of recipes/paper/avt.toml")
    parser.add_argument("--against", metavar="FILE", help="another implementation")
    parser.add_argument("--against-dtype", default="float64", help="the precision it is asked for")
    parser.add_argument("--one", nargs=2, metavar=("WHO", "BATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, batch = options.one[0], int(options.one[1])
        print(json.dumps(other(options, batch) if who == "against" else ours(options, who, batch)))
        return
    result = {"benchmark": "step"}
    for batch in options.batch:
        measured = {who: alone(who, batch) for who in [*options.precision, *(["against"] if options.against else [])]}
        slowest = measured.get("against") or measured[options.precision[0]]
        for each in measured.values():
            each["ratio"] = round(slowest["cpu_seconds"] / each["cpu_seconds"], 2)
        result[f"batch_{batch}"] = measured
    print(json.dumps(result))


def alone(who: str, batch: int) -> dict[str, float]:
    """One measurement in a new process."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", who, str(batch)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def ours(options: argparse.Namespace, precision: str, batch: int) -> dict[str, float]:
    """The framework."""
    return measure([*PRECISIONS[precision], *options.override], batch, options.repeat)


def other(options: argparse.Namespace, batch: int) -> dict[str, float]:
    """The other implementation; its first step is not counted either."""
    step = runpy.run_path(options.against)["step"](batch, options.against_dtype)
    step()
    wall, cpu = [], []
    for _ in range(options.repeat):
        before = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - before[0])
        cpu.append(time.process_time() - before[1])
    return {"seconds": round(median(wall), 4), "cpu_seconds": round(median(cpu), 4), "peak_gb": peak_gb()}


if __name__ == "__main__":
    main()
