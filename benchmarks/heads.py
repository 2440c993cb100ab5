"""How much faster a head trains on codes that are computed once than on clips that are encoded anew in every epoch.

Prints one JSON line. Sizes are those of the AVE task: 3,339 clips of ten steps, 28 classes, a linear head on 768-wide
codes, batches of 256. Encoding is measured over one pass and counted once an epoch.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from steps import PAPER
from torch import nn

from codaar_core import load
from codaar_core.api import Features
from codaar_core.engine.build import build_data, build_model

CLASSES, BATCH, STEPS = 28, 256, 10


def main() -> None:
    """Encode once, then train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=3339)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--modality", default="audio")
    options = parser.parse_args()

    torch.manual_seed(0)
    plan = load(PAPER)
    model = build_model(plan, dict(build_data(plan).spaces)).eval().requires_grad_(False)
    space = build_data(plan).spaces[options.modality]
    clips = torch.rand(options.clips, STEPS, *space.shape)
    labels = torch.randint(CLASSES, (options.clips,))

    start = time.perf_counter()
    parts = [model.encode({options.modality: Features(part)}) for part in clips.split(BATCH)]
    indices = torch.cat([model.quantizer.quantize(part)[options.modality].indices for part in parts])
    encoding = time.perf_counter() - start
    start = time.perf_counter()
    train(model, options.modality, indices, labels, options.epochs)
    training = time.perf_counter() - start

    cached, anew = encoding + training, options.epochs * encoding + training
    result = {
        "benchmark": "heads",
        "epochs": options.epochs,
        "encoding_seconds": round(encoding, 2),
        "cached_seconds": round(cached, 2),
        "anew_seconds": round(anew, 2),
        "ratio": round(anew / cached, 2),
    }
    print(json.dumps(result))


def train(model: nn.Module, modality: str, indices: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Two linear maps of every step's code, and the largest logit of each class over time."""
    width = model.quantizer.codes.width
    head = nn.Sequential(nn.Linear(width, width), nn.Linear(width, CLASSES))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(indices)).split(BATCH):
            logits = head(model.quantizer.lookup(modality, indices[rows]).full).amax(dim=1)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, labels[rows]).backward()
            optimizer.step()


if __name__ == "__main__":
    main()
