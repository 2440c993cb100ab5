"""How the cost of a training step grows with codewords, latent width, time steps, batch and modalities.

Prints one JSON line: by quantity, the CPU seconds at each value, and the growth: the exponent of the power of the
quantity that the cost follows between the two largest values (1 is linear).
"""

from __future__ import annotations

import argparse
import json
import math

import torch
from steps import measure

SMALL = (
    *("data.patches=32", "data.words=64", "quantizer.codes=512", "quantizer.dim=64"),
    *("encoders.video.channels=[32, 64]", "decoders.video.hidden=32", "decoders.video.output_hidden=32"),
    *(f"encoders.{modality}.feedforward=128" for modality in ("audio", "video", "text")),
)
BATCH, STEPS = 32, 10
MODALITIES = {1: ["audio"], 2: ["audio", "text"], 3: ["audio", "text", "video"]}
WITHOUT_PAIRS = 'model.losses=["reconstruction", "commitment"]'


def main() -> None:
    """Vary one quantity at a time around a small model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    def seconds(*overrides: str, batch: int = BATCH, steps: int = STEPS) -> float:
        settings = (*SMALL, f"device.threads={options.threads}", *overrides)
        return measure(settings, batch, options.repeat, steps)["cpu_seconds"]

    costs = {
        "codewords": {k: seconds(f"quantizer.codes={k}") for k in (512, 2048, 8192, 32768)},
        "width": {d: seconds(f"quantizer.dim={d}") for d in (64, 128, 256, 512)},
        "time_steps": {t: seconds(steps=t) for t in (5, 10, 20, 40)},
        "batch": {b: seconds(batch=b) for b in (16, 32, 64, 128)},
        "modalities": {
            n: seconds(f"model.modalities={json.dumps(names)}", "model.align=[]", WITHOUT_PAIRS)
            for n, names in MODALITIES.items()
        },
    }
    growth = {name: round(exponent(cost), 2) for name, cost in costs.items()}
    print(json.dumps({"benchmark": "scaling", "threads": torch.get_num_threads(), "costs": costs, "growth": growth}))


def exponent(cost: dict[int, float]) -> float:
    """Of the power law between the last two points."""
    (small, less), (large, more) = list(cost.items())[-2:]
    return math.log(more / less) / math.log(large / small)


if __name__ == "__main__":
    main()
