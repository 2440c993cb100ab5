"""Small lists of UCF101 and VGGSound with features, in the formats of the CoDAAR release."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codaar_core.testing.data_plugins import write_zipped_pickle

SEEN = ("PlayingGuitar", "Skiing", "FrisbeeCatch")
HEARD = ("playing acoustic guitar", "skiing", "bowling impact")


def write_both(folder: Path, channels: int = 8) -> Path:
    """Four recordings of each class in UCF101, in two clips each, one of them short; ten of each in VGGSound."""
    random = np.random.default_rng(0)
    seen = [(name, f"v_{name}_g{group:02}_c{clip:02}") for name in SEEN for group in range(4) for clip in (1, 2)]
    heard = [(name, f"-{index}_{number:08d}") for index, name in enumerate(HEARD) for number in range(10)]
    for _, id in seen:
        video = random.random((7 if id.endswith("c02") else 12, 7, 7, channels))
        write_zipped_pickle(folder / f"UCF101/feature/video/zip/{id}.zip", video.astype(np.float32))
    for _, id in heard:
        write_zipped_pickle(folder / f"feature/audio/zip/{id}.zip", random.random((10, 128)))
    lines = [f"{name},{id}" for name, id in seen]
    (folder / "ucf2vggsound.csv").write_text("\n".join(["category,video_id", *lines]) + "\n")
    lines = [f"{name},{id},train" for name, id in heard]
    (folder / "vggsound2ucf.csv").write_text("\n".join(["category,video_id,split", *lines]) + "\n")
    return folder


def write_classes(folder: Path, seen: tuple[str, ...], heard: tuple[str, ...]) -> None:
    """As released: a TAB in the line of Bowling, no end of the last line."""
    lines = ["Bowling\tbowling" if name == "Bowling" else name for name in seen]
    (folder / "UCF101sameVGGSound.txt").write_text("\n".join(lines))
    (folder / "VGGSoundsameUCF101.txt").write_text("\n".join(heard))
