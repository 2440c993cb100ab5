"""The commands of docs/data.md, in order, on a made-up release."""

from __future__ import annotations

import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from code_blocks import ROOT, blocks

import codaar_core
from codaar_core.api import DataError

PAGE = blocks(ROOT / "docs" / "data.md")
COMMANDS = [line[2:] for block in PAGE if block.language == "sh" for line in block.content.splitlines()]
CLIPS = {"-one_barking": "train", "_two_barking": "val", "three_bark": "test"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    copytree(ROOT / "recipes", folder / "recipes")
    for block in PAGE:
        if block.name:
            (folder / block.name).write_text(block.content, "utf-8")
    release(folder / "release")
    return folder


def release(folder: Path) -> None:
    shapes = {"feature/audio/zip": (10, 128), "feature/video/zip": (10, 7, 7, 512), "label/zip": (10,)}
    for place, shape in shapes.items():
        (folder / place).mkdir(parents=True)
        for name in CLIPS:
            with zipfile.ZipFile(folder / place / f"{name}.zip", "w") as archive:
                archive.writestr("x.pkl", np.zeros(shape, np.float32).dumps())
    rows = [f"barking,{name},{part}" for name, part in CLIPS.items()]
    (folder / "vggsound-avel40k.csv").write_text("\n".join(["category,video_id,split", *rows]))
    (folder / "VggsoundAVEL40kCategories.txt").write_text("barking\n")
    (folder / "vggsoundCategories2Prompts.csv").write_text("label,prompt\nbarking,The sound of barking\n")


SAID = {
    "codaar data avel.toml": "video: 3 of 3 clips are there",
    "codaar data pack avel.toml --to packed/avel40k": "packed/avel40k/pretrain.h5: 3 clips, ",
    "codaar data pack avel.toml --to packed/avel40k --split val": "packed/avel40k/val.h5: 1 clips, ",
    "codaar data verify packed/avel40k/pretrain.h5": "is good: 3 clips",
    "codaar data packed.toml": "it is there: 3 clips for pretraining: VGGSound-AVEL",
    "codaar validate packed.toml": "packed.toml is good",
}


def test_every_command_is_known():
    assert list(SAID) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_order(command, folder):
    words = shlex.split(command)
    program = Path(sys.executable).with_name(words[0])
    done = subprocess.run([program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert SAID[command] in done.stdout


def test_a_name_packs_without_a_recipe(folder):
    more = [f"data.root={folder / 'release'}", "data.bert=nowhere"]
    with pytest.raises(DataError, match="nowhere"):  # its prompts need BERT
        codaar_core.pack_data("vggsound-avel", folder / "all", overrides=more)
