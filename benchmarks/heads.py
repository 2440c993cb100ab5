"""How much faster a head trains on codes that are computed once than on clips that are encoded anew in every epoch.

Prints one JSON line. Sizes are those of the AVE task: 3,339 clips of ten steps, 28 classes, the clip classifier on
768-wide codes, batches of 256. Encoding is measured over one pass and counted once an epoch. The head learns on random
codes of the whole codebook: those of a trained model repeat more, which is faster.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
from codaar_plugin_cmg.heads import ClipClassifier
from steps import PAPER

from codaar_core import load
from codaar_core.api import Features, HeadContext, Quantizer
from codaar_core.engine.assembly.build import build_data, build_model

CLASSES = tuple(map(str, range(28)))
BATCH, STEPS = 256, 10


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
    labels = torch.randint(len(CLASSES), (options.clips,))

    start = time.perf_counter()
    for part in clips.split(BATCH):
        model.quantizer.quantize(model.encode({options.modality: Features(part)}))
    encoding = time.perf_counter() - start
    start = time.perf_counter()
    train(model.quantizer, options.modality, labels, options.epochs)
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


def train(quantizer: Quantizer, modality: str, labels: torch.Tensor, epochs: int) -> None:
    """As the evaluation does it."""
    head = ClipClassifier(ClipClassifier.Config(), HeadContext(quantizer.code_space, quantizer.latent, CLASSES))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, fused=True)
    indices = torch.randint(quantizer.size, (len(labels), STEPS))
    for _ in range(epochs):
        for rows in torch.randperm(len(indices)).split(BATCH):
            loss = head.loss(head(quantizer.lookup(modality, indices[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
