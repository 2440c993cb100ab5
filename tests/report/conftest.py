"""A realistic record of a run, and of the same run without alignment."""

from __future__ import annotations

import json
import math
import random

import pytest

RECIPE = """# CoDAAR on three modalities
codaar = 1

[run]
name = "avt"

[model]
modalities = ["text", "audio", "video"]   # <- order of the cascade
"""
SPELLED = "a word spells its label: the head reads the answer"
BASE = {"audio": 0.93, "video": 0.88, "text": 0.97}
CHANCE = {"accuracy": 0.1, "macro precision": 0.099, "segment accuracy": 0.0909, "R@1": 0.0125, "R@5": 0.0625}


def entry(benchmark, train, test, metric, headline, score, randomness, aligned):
    mean = score if aligned else CHANCE[metric] + 0.03
    values = [round(mean + randomness.uniform(-0.02, 0.02), 4) for _ in range(3)]
    return {
        "benchmark": benchmark,
        "train": train,
        "test": test,
        "metric": metric,
        "headline": headline,
        "mean": sum(values) / 3,
        "std": 0.5 * (max(values) - min(values)),
        "values": values,
        "chance": CHANCE[metric],
        "constant": CHANCE[metric] + 0.012,
        "upper_bound": BASE[test],
        "published": 0.554 if benchmark == "localization" else None,
        "caveat": SPELLED if "text" in (train, test) and benchmark != "retrieval" else "",
    }


def record(aligned: bool = True) -> dict:
    randomness = random.Random(int(aligned))
    metrics = {
        "classification": ("accuracy", "macro precision"),
        "localization": ("segment accuracy",),
        "retrieval": ("R@1", "R@5"),
    }
    modalities = ["text", "audio", "video"]
    steps = list(range(10, 801, 10))
    losses = {
        f"reconstruction.{m}": [0.9 * math.exp(-s / (120 + 90 * i)) + 0.03 + randomness.uniform(0, 0.01) for s in steps]
        for i, m in enumerate(modalities)
    }
    losses |= {
        f"commitment.{m}": [0.2 + 0.5 * s / 800 + randomness.uniform(0, 0.05) + 0.2 * i for s in steps]
        for i, m in enumerate(modalities)
    }
    losses |= {
        f"cpc.{pair}": [4.3 - 0.004 * s + randomness.uniform(0, 0.2) for s in steps]
        for pair in ("text-audio", "text-video", "audio-video")
    }
    losses["cmcm"] = [2 * math.exp(-s / 400) + randomness.uniform(0, 0.1) for s in steps]
    losses["total"] = [sum(values) for values in zip(*losses.values(), strict=True)]
    losses["grad_norm"] = [5 + randomness.uniform(0, 3) for _ in steps]
    losses["grad_norm"][3] = None
    codebooks = {
        f"{name}.{m}": [800 * (1 - math.exp(-s / 200)) * (0.5 + 0.1 * i) * factor for s in steps]
        for name, factor in (("used", 1.0), ("perplexity", 0.7))
        for i, m in enumerate(modalities)
    }
    agreement = {
        pair: [0.9 * (1 - math.exp(-s / 300)) + randomness.uniform(0, 0.02) for s in steps]
        for pair in ("text-audio", "text-video", "audio-video")
    }
    return {
        "format": 1,
        "name": "avt" if aligned else "avt-unaligned",
        "status": "finished",
        "mode": "strict",
        "data": "AVT-Digits, captcha speech, seed 2026",
        "modalities": modalities,
        "run_seed": 43,
        "seeds": [43, 44, 45],
        "epochs": 16,
        "steps": 800,
        "batch": 80,
        "seconds": {"data": 8.1, "pretrain": 80.2, "evaluate": 20.0},
        "parameters": 1234567,
        "device": "cpu",
        "dtype": "float32",
        "versions": {"codaar-core": "0.1.0", "codaar-plugin-vqvae": "0.1.0", "torch": "2.13.0", "python": "3.11.2"},
        "command": "codaar-run recipes/avt.toml -o 'run.epochs=16'",
        "recipe": RECIPE,
        "directory": f"runs/avt{'' if aligned else '-unaligned'}/2026-11-22T10-04-17",
        "alignment": [
            {"name": "Dta", "modalities": modalities, "matrix": [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]},
            {
                "name": "Csa",
                "modalities": modalities,
                "matrix": [
                    [0.3333333432674408] * 3,
                    [0.1111111119389534, 0.4444444477558136, 0.4444444477558136],
                    [0.14814814925193787, 0.25925925374031067, 0.5925925970077515],
                ],
            },
        ]
        if aligned
        else [],
        "curves": {"step": steps, "losses": losses, "codebooks": codebooks, "agreement": agreement},
        "transfers": [
            entry(name, train, test, metric, i == 0, BASE[test] * (0.86 - 0.1 * i), randomness, aligned)
            for name, names in metrics.items()
            for train in modalities
            for test in modalities
            if train != test
            for i, metric in enumerate(names)
        ],
        "sections": [],
    }


@pytest.fixture
def results() -> dict:
    """What a finished run leaves."""
    return record()


@pytest.fixture
def unaligned() -> dict:
    """What the control leaves."""
    return record(aligned=False)


@pytest.fixture
def run_directory(tmp_path):
    """Make a run directory that holds a record."""

    def make(results: dict, name: str = "run"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results), "utf-8")
        return folder

    return make
