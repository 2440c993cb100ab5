"""A generated AVSBench-S4 of a few clips, in the exact form in which it is handed out, and a random BERT."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from codaar_plugin_cmg.example_files import write_random_bert
from PIL import Image

from codaar_core.testing.data_plugins import write_zipped_pickle

PROMPTS = {
    "dog_barking": "The repetitive staccato barking of an excited dog",
    "horse_clip-clop": "The regular clip-clop of horse hooves on pavement",
}
MASKS = {"train": 1, "val": 5, "test": 5}
WORDS = sorted({word for prompt in PROMPTS.values() for word in prompt.lower().replace("-", " ").split()} | {"-"})


def write_s4(root: Path, side: int = 64, clips: int = 4) -> Path:
    """Write ``clips`` clips of each split: what sounds is a bright box, whose category the sound tells."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(3 * clips):
        split = ("train", "val", "test")[number // clips]
        category = list(PROMPTS)[number % 2]
        name = f"-id_{number:07d}_{number}000"
        rows.append((name, number % 6, category, split))
        write_clip(root, Path(split, category, name), side, MASKS[split], draw)
        write_sound(root, split, category, name, draw)
    with (root / "s4_meta_data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("video", "start", "category", "split"), *rows])
    lines = "\n".join(f"{label},{prompt}" for label, prompt in PROMPTS.items())
    (root / "AVSBenchCategories2Prompts.csv").write_text(f"label,prompt\n{lines}")
    return root


def write_clip(root: Path, place: Path, side: int, masks: int, draw: np.random.Generator) -> None:
    """Write five frames and the masks of the first."""
    folders = [root / "s4_data" / kind / place for kind in ("visual_frames", "gt_masks")]
    for folder in folders:
        folder.mkdir(parents=True)
    for second in range(1, 6):
        pixels = draw.integers(0, 90, (side, side, 3), np.uint8)
        box = np.zeros((side, side), bool)
        top, left = draw.integers(0, side // 2, 2)
        box[top : top + side // 2, left : left + side // 2] = True
        pixels[box] += 150
        Image.fromarray(pixels).save(folders[0] / f"{place.name}_{second}.png")
        if second <= masks:
            Image.fromarray(box).save(folders[1] / f"{place.name}_{second}.png")


def write_sound(root: Path, split: str, category: str, name: str, draw: np.random.Generator) -> None:
    """Write features (5, 128) as a pickle in a zip file."""
    features = np.abs(draw.normal(list(PROMPTS).index(category), 0.3, (5, 128)))
    write_zipped_pickle(root / "feature" / "audio" / split / "zip" / category / f"{name}.zip", features)


def write_bert(folder: Path, width: int) -> Path:
    """Write a random BERT that knows the words of the prompts."""
    return write_random_bert(folder, WORDS, width)
