"""Which features of sound carry a digit to a speaker never heard: the choice behind recipes/beyond/avt-fsdd.toml.

Every fold of the Free Spoken Digit Dataset has four training speakers. Each of them is left out once: a small network
learns the digit of a second from the other three and is tested on the one left out. The two test speakers of the fold
are not used, so the choice for a fold is blind to them. Prints one JSON line: mean accuracy over the twelve cases, and
each fold's, for every way of making features.

    python benchmarks/speakers.py free-spoken-digit-dataset
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from codaar_plugin_digits import spectrum
from codaar_plugin_digits.front_ends import FRONT_ENDS
from codaar_plugin_digits.speech import SpokenDigitDataset, centred, loud, noisy
from torch import Tensor, nn

SPEAKERS = SpokenDigitDataset.speakers
FOLDS = 3
Features = Callable[[Tensor], Tensor]


def log_mel(normalise: Callable[[Tensor], Tensor]) -> Features:
    """Coefficients of the log-mel spectrogram (N, frames, mels), normalised in each second."""

    def features(waves: Tensor) -> Tensor:
        frames = waves.unfold(-1, spectrum.WINDOW, spectrum.HOP)[:, : spectrum.FRAMES]
        magnitude = torch.fft.rfft(frames * torch.hann_window(spectrum.WINDOW), spectrum.BINS).abs()
        image = normalise((magnitude @ spectrum.mel_filters() + spectrum.OFFSET).log())
        low = spectrum.cosines(spectrum.FRAMES, spectrum.SLOW) @ image
        return (low @ spectrum.cosines(spectrum.MELS, spectrum.SMOOTH).T).flatten(1)

    return features


WAYS: dict[str, tuple[Features, int]] = {  # features, variations of each training recording
    "log-mel": (FRONT_ENDS["log-mel"].features, 2),
    "log-mel, no variations": (FRONT_ENDS["log-mel"].features, 0),
    "log-mel, mean of each band removed": (log_mel(lambda image: image - image.mean(1, keepdim=True)), 2),
    "log-mel, mean and variance of each band": (
        log_mel(lambda image: (image - image.mean(1, keepdim=True)) / (image.std(1, keepdim=True) + 0.3)),
        2,
    ),
    "embedding": (FRONT_ENDS["embedding"].features, 2),
    "embedding, no variations": (FRONT_ENDS["embedding"].features, 0),
}


class Recordings:
    """All recordings with their speaker and digit (N,)."""

    def __init__(self, root: str) -> None:
        self.dataset = SpokenDigitDataset(root, fold=0)
        keys = [(s, d, t) for s in range(len(SPEAKERS)) for d in range(10) for t in range(self.dataset.takes)]
        self.sounds = [loud(self.dataset.read(d, SPEAKERS[s], t)) for s, d, t in keys]
        self.speakers, self.digits, _ = torch.tensor(keys).T

    def features(self, of: Features, variations: int) -> tuple[Tensor, Tensor]:
        """Training features (N, 1 + variations, width), with noise of their own, and test features (N, width)."""
        random = np.random.default_rng(0)
        whole = np.stack([centred(sound) for sound in self.sounds])
        test, train = of(noisy(whole, random)), [of(noisy(whole, random))]
        if variations:
            self.dataset.variations = variations
            more = np.stack([self.dataset.vary(sound, random) for sound in self.sounds])
            train += [of(noisy(more[:, number], random)) for number in range(variations)]
        return torch.stack(train, 1), test


def accuracy(train: Tensor, digits: Tensor, test: Tensor, expected: Tensor) -> float:
    """Train a small network on (N, R, width), test it on (M, width)."""
    x, y = train.flatten(0, 1), digits.repeat_interleave(train.shape[1])
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.3), nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(600):
        batch = torch.randint(len(x), (256,))
        loss = nn.functional.cross_entropy(network((x[batch] - mean) / deviation), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        return (network((test - mean) / deviation).argmax(1) == expected).double().mean().item()


def by_fold(recordings: Recordings, train: Tensor, test: Tensor) -> list[float]:
    """Mean accuracy over the left-out training speakers of each fold."""
    found = []
    for fold in range(FOLDS):
        trained_on = [s for s in range(len(SPEAKERS)) if s // 2 != fold]
        scores = []
        for left_out in trained_on:
            kept = torch.isin(recordings.speakers, torch.tensor([s for s in trained_on if s != left_out]))
            heard = recordings.speakers == left_out
            digits = recordings.digits
            scores.append(accuracy(train[kept], digits[kept], test[heard], digits[heard]))
        found.append(sum(scores) / len(scores))
    return found


def main() -> None:
    """Compare the ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="folder of the dataset, with recordings/")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    recordings, results = Recordings(options.root), {}
    for name in options.ways:
        folds = by_fold(recordings, *recordings.features(*WAYS[name]))
        results[name] = {"mean": round(sum(folds) / FOLDS, 3), "folds": [round(each, 3) for each in folds]}
    print(json.dumps({"benchmark": "speakers", **results}))


if __name__ == "__main__":
    main()
