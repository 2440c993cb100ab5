"""Writes a small folder in AVE's format with random features, to try a recipe without the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from codaar_plugin_ave.annotations import CLASSES, COLUMNS, SECONDS
from codaar_plugin_ave.feature_rows import KEY

FILES = {"audio": "audio_feature.h5", "video": "visual_feature.h5"}
SHAPES: Mapping[str, tuple[int, ...]] = {"audio": (128,), "video": (7, 7, 512)}
NOISE = 0.2


def write_example(
    folder: Path,
    clips: Sequence[int] = (12, 4, 4),
    shapes: Mapping[str, tuple[int, ...]] = SHAPES,
    classes: int = 4,
    header: bool = False,
    seed: int = 0,
) -> Path:
    """Write annotations, orders and features; labels follow from the annotations.

    Features of a second with an event are a direction of its class plus noise, other seconds are noise.

    Args:
        folder: Folder to write; created if it does not exist.
        clips: Number of training, validation and test clips.
        shapes: Shape of one second by modality.
        classes: Number of classes, used in turn; at most 28.
        header: Whether annotations have a header line, as in the CoDAAR release.
        seed: Seed of all random values.

    Returns:
        ``folder``.
    """
    import h5py

    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    count = sum(clips)
    label = np.arange(count) % classes
    start = random.integers(0, SECONDS // 2, count)
    end = random.integers(start + 1, SECONDS, endpoint=True)
    rows = zip(label, random.permutation(count), start, end, strict=True)
    lines = [f"{CLASSES[name]}&{_name(number)}&good&{first}&{last}" for name, number, first, last in rows]
    table = ["&".join(COLUMNS)] * header + lines
    (folder / "Annotations.txt").write_text("\n".join(table) + "\n", "utf-8")
    second = np.arange(SECONDS)
    active = (start[:, None] <= second) & (second < end[:, None])
    for modality, shape in shapes.items():
        directions = random.standard_normal((classes, *shape))
        noise = NOISE * random.standard_normal((count, SECONDS, *shape))
        signal = directions[label][:, None] * active.reshape(count, SECONDS, *[1] * len(shape))
        with h5py.File(folder / FILES[modality], "w") as file:
            file[KEY] = (signal + noise).clip(min=0)
    parts = np.split(random.permutation(count), np.cumsum(clips)[:-1])
    for name, order in zip(("train", "val", "test"), parts, strict=True):
        with h5py.File(folder / f"{name}_order.h5", "w") as file:
            file["order"] = order.astype(np.int64)
    return folder


def _name(number: int) -> str:
    """A name of eleven characters, like those of recordings; some begin with a dash."""
    return f"{'-' if number % 3 == 0 else 'x'}{number:010d}"
