"""The whole contract of every component here, over generated stamps with random features."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from codaar_plugin_tuxpaint.folder import CAPTIONS, FEATURES, SPEECH, TEXT, Voices, write_folder
from codaar_plugin_tuxpaint.source import Tuxpaint
from codaar_plugin_tuxpaint.stamps import find_stamps

from codaar_core.features import read_table
from codaar_core.testing import codaar_checks

sys.path.insert(0, str(Path(__file__).parent))
from generated_stamps import write_stamps  # noqa: E402

generated = TemporaryDirectory()  # goes when the tests end
root = Path(generated.name) / "data"
write_folder(root, find_stamps(write_stamps(Path(generated.name) / "stamps"), 2), Voices(("fr", "ro"), "ca", "es"))
random = np.random.default_rng(0)
names = {modality: read_table(root / CAPTIONS, ("id",)).column("id") for modality in Tuxpaint.example["shapes"]}
names[SPEECH] = read_table(root / "clips.csv", ("id",)).column("id")
for modality, shape in Tuxpaint.example["shapes"].items():
    (root / FEATURES / modality).mkdir(parents=True)
    for name in names[modality]:
        steps = 2 if modality == TEXT else 3
        np.save(root / FEATURES / modality / f"{name}.npy", random.standard_normal((steps, *shape)).astype(np.float32))
Tuxpaint.example = {**Tuxpaint.example, "root": str(root)}

test_conformance = codaar_checks("codaar-plugin-tuxpaint")
