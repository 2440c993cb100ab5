"""Complete results of a made-up run, typed as the engine writes them."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import attrs

from codaar_core.engine.results import Alignment, Curves, Pretraining, Results, TransferScore, as_json

MODALITIES = ("text", "audio", "video")
PAIRS = ("text-audio", "text-video", "audio-video")
STEPS = tuple(range(10, 801, 10))
RECIPE = """# CoDAAR on three modalities
codaar = 1

[run]
name = "avt"

[model]
modalities = ["text", "audio", "video"]   # <- order of the cascade
"""
CAVEAT = "a word spells its label: the head reads the answer"
BASE = {"audio": 0.93, "video": 0.88, "text": 0.97}
CHANCE = {"accuracy": 0.1, "macro precision": 0.099, "segment accuracy": 0.0909, "R@1": 0.0125, "R@5": 0.0625}
METRICS = {
    "classification": ("accuracy", "macro precision"),
    "localization": ("segment accuracy",),
    "retrieval": ("R@1", "R@5"),
}
DTA = ((0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6))
CSA = (
    (0.3333333432674408,) * 3,
    (0.1111111119389534, 0.4444444477558136, 0.4444444477558136),
    (0.14814814925193787, 0.25925925374031067, 0.5925925970077515),
)


def score(**changes: Any) -> TransferScore:
    """One entry."""
    usual = {"benchmark": "judge", "train": "north", "test": "south", "metric": "accuracy"}
    return TransferScore(**{**usual, "mean": 0.5, "std": 0.0, "values": (0.5,), "chance": 0.1, **changes})


def sample_results(aligned: bool = True, **changes: Any) -> Results:
    """A run with three benchmarks, or the same run without alignment."""
    randomness = random.Random(int(aligned))
    forms = (("Dta", DTA), ("Csa", CSA)) if aligned else ()
    name = "avt" if aligned else "avt-unaligned"
    results = Results(
        name=name,
        mode="strict",
        data="AVT-Digits, captcha speech, seed 2026",
        modalities=MODALITIES,
        run_seed=43,
        seeds=(43, 44, 45),
        epochs=16,
        steps=800,
        batch=80,
        pretraining=Pretraining(epoch_minutes=0.084, peak_gb=1.25, last_epoch={"total": 7.04, "perplexity.audio": 330}),
        seconds={"data": 8.1, "pretrain": 80.2, "evaluate": 20.0},
        parameters=1234567,
        device="cpu",
        dtype="float32",
        versions={"codaar-core": "0.1.0", "codaar-plugin-vqvae": "0.1.0", "torch": "2.13.0", "python": "3.11.2"},
        command="codaar-run recipes/avt.toml -o 'run.epochs=16'",
        recipe=RECIPE,
        directory=f"runs/{name}/2026-11-22T10-04-17",
        alignment=tuple(Alignment(name=name, modalities=MODALITIES, matrix=form) for name, form in forms),
        transfers=tuple(
            _entry(benchmark, train, test, metric, position, randomness, aligned)
            for benchmark, metrics in METRICS.items()
            for train, test in itertools.permutations(MODALITIES, 2)
            for position, metric in enumerate(metrics)
        ),
        curves=_curves(randomness),
    )
    return attrs.evolve(results, **changes)


def _entry(
    benchmark: str, train: str, test: str, metric: str, position: int, randomness: random.Random, aligned: bool
) -> TransferScore:
    mean = BASE[test] * (0.86 - 0.1 * position) if aligned else CHANCE[metric] + 0.03
    values = tuple(round(mean + randomness.uniform(-0.02, 0.02), 4) for _ in range(3))
    return TransferScore(
        benchmark=benchmark,
        train=train,
        test=test,
        metric=metric,
        headline=position == 0,
        mean=sum(values) / 3,
        std=0.5 * (max(values) - min(values)),
        values=values,
        chance=CHANCE[metric],
        constant=CHANCE[metric] + 0.012,
        upper_bound=BASE[test],
        published=0.554 if benchmark == "localization" else None,
        caveat=CAVEAT if "text" in (train, test) and benchmark != "retrieval" else "",
    )


def _curves(randomness: random.Random) -> Curves:
    def noise(most: float) -> float:
        return randomness.uniform(0, most)

    losses: dict[str, list[float | None]] = {}
    for i, m in enumerate(MODALITIES):
        losses[f"reconstruction.{m}"] = [0.9 * math.exp(-s / (120 + 90 * i)) + 0.03 + noise(0.01) for s in STEPS]
        losses[f"commitment.{m}"] = [0.2 + 0.5 * s / 800 + noise(0.05) + 0.2 * i for s in STEPS]
    for pair in PAIRS:
        losses[f"cpc.{pair}"] = [4.3 - 0.004 * s + noise(0.2) for s in STEPS]
    losses["cmcm"] = [2 * math.exp(-s / 400) + noise(0.1) for s in STEPS]
    losses["total"] = [math.fsum(values) for values in zip(*losses.values(), strict=True)]
    losses["grad_norm"] = [5 + noise(3) if s != 40 else None for s in STEPS]
    codebooks = {
        f"{name}.{m}": tuple(800 * (1 - math.exp(-s / 200)) * (0.5 + 0.1 * i) * factor for s in STEPS)
        for name, factor in (("used", 1.0), ("perplexity", 0.7))
        for i, m in enumerate(MODALITIES)
    }
    agreement = {pair: tuple(0.9 * (1 - math.exp(-s / 300)) + noise(0.02) for s in STEPS) for pair in PAIRS}
    return Curves(
        step=STEPS,
        losses={name: tuple(values) for name, values in losses.items()},
        codebooks=codebooks,
        agreement=agreement,
    )


def with_scores(results: Results, **changes: Any) -> Results:
    """The same changes in every entry."""
    return attrs.evolve(results, transfers=tuple(attrs.evolve(each, **changes) for each in results.transfers))


def write_results(folder: Path, results: Results) -> Path:
    """Make ``folder`` a run directory with these results."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(as_json(results)), "utf-8")
    return folder
