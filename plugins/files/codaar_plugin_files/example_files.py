"""Small files of made-up clips, for tests, trials and the page docs/your-recordings.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

KINDS = ("circle", "cross", "square", "star")
SPEAKERS = 40


def write_example(
    folder: Path,
    shapes: Mapping[str, tuple[int, ...]],
    rates: Mapping[str, float] | None = None,
    clips: int = 64,
    seconds: int = 6,
    noise: float = 0.3,
    seed: int = 0,
) -> Path:
    """Write features and tables of clips of four kinds; each kind is a pattern of its own in each modality.

    The kind fills the middle of its clip; before and after it there is noise.

    Args:
        folder: Written to: ``MODALITY/ID.npy`` and clips.csv, labels.csv, segments.csv, values.csv, captions.csv.
        shapes: Shape of one step by modality.
        rates: Steps per second by modality; None: one each.
        clips: Number of clips.
        seconds: Length of each clip.
        noise: Standard deviation of the noise; patterns have 1.
        seed: Seed of everything.
    """
    random = np.random.default_rng(seed)
    ids, kinds = [f"clip-{number:04d}" for number in range(clips)], random.permutation(np.arange(clips) % len(KINDS))
    starts, lengths = random.integers(0, 2, clips), random.integers(seconds - 2, seconds, clips)
    starts = np.minimum(starts, seconds - lengths)
    for modality, shape in shapes.items():
        rate, patterns = (rates or {}).get(modality, 1.0), random.standard_normal((len(KINDS), *shape))
        (folder / modality).mkdir(parents=True, exist_ok=True)
        times = (np.arange(round(seconds * rate)) + 0.5) / rate
        for clip, kind, start, length in zip(ids, kinds, starts, lengths, strict=True):
            values = noise * random.standard_normal((len(times), *shape))
            values[(start <= times) & (times < start + length)] += patterns[kind]
            np.save(folder / modality / f"{clip}.npy", values.astype(np.float32))
    names = [KINDS[kind] for kind in kinds]
    _write(folder / "clips.csv", ("id", "speaker"), zip(ids, (f"s{n % SPEAKERS}" for n in range(clips)), strict=True))
    _write(folder / "labels.csv", ("id", "label"), zip(ids, names, strict=True))
    _write(
        folder / "segments.csv", ("id", "start", "end", "label"), zip(ids, starts, starts + lengths, names, strict=True)
    )
    _write(folder / "values.csv", ("id", "size", "kind"), zip(ids, lengths / seconds, kinds.astype(float), strict=True))
    _write(folder / "captions.csv", ("id", "text"), zip(ids, (f"a {name}, drawn" for name in names), strict=True))
    return folder


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
