"""Writes small copies of MSCOCO and Clotho in their formats, and a random BERT that knows a few words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from codaar_plugin_cmg.example_files import write_random_bert

from codaar_core.testing.data_plugins import write_zipped_pickle

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six"]
WORDS = ["a", "dog", "cat", "and", ",", *NUMBERS]
PICTURES = {42: 6, 7: 5, 139: 7, 90: 5}  # captions of each: two have more than five
RECORDINGS = {"Rain, heavy": 15, "dog 01.v2": 30, "cat": 21}  # seconds of each


def write_bert(folder: Path, width: int) -> Path:
    """Write a random BERT that knows the words of the captions."""
    return write_random_bert(folder, WORDS, width)


def write_coco(folder: Path) -> Path:
    """Captions are written neither in the order of pictures nor of ids."""
    captions, number = [], 100
    for picture, count in PICTURES.items():
        for caption in range(count):
            number -= 1
            captions.append({"image_id": picture, "id": number, "caption": f"{NUMBERS[caption]} dog {picture}"})
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps({"annotations": captions}))
    generator = np.random.default_rng(0)
    for picture in PICTURES:
        values = generator.random((7, 7, 512), dtype=np.float32)
        write_zipped_pickle(folder / "feature" / "video" / "zip" / f"{picture:012d}.zip", values)
    return folder


def write_clotho(folder: Path) -> Path:
    """Names and captions have commas in them."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file_name," + ",".join(f"caption_{i}" for i in range(1, 6))]
    generator = np.random.default_rng(0)
    for name, seconds in RECORDINGS.items():
        lines.append(",".join([f'"{name}.wav"', *(f'"a {number} dog, and a cat"' for number in NUMBERS[:5])]))
        write_zipped_pickle(folder / "feature" / "audio" / "zip" / f"{name}.zip", generator.random((seconds, 128)))
    (folder / "clotho_captions_evaluation.csv").write_text("\r\n".join(lines) + "\r\n", "utf-8")
    return folder
