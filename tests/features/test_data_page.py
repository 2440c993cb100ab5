"""The commands of docs/data.md, in order, on a made-up release."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree, move

import numpy as np
import pytest
import torch
from codaar_plugin_vgg.network import Vgg19
from codaar_plugin_vggish.network import VggishNetwork
from code_blocks import ROOT, blocks

import codaar_core
from codaar_core.api import DataError
from codaar_core.testing.toy_recordings import SECONDS, write_png, write_wav

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
    record(folder)
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


def record(folder: Path) -> None:
    """A recording, a picture, and random weights for both."""
    pytest.importorskip("av")
    for name, write in (("recordings/rain.wav", write_wav), ("pictures/rain.png", write_png)):
        (folder / name).parent.mkdir()
        write(folder / name, 0)
    (folder / "captions.csv").write_text("id,text\nrain,rain falls\ndog,a dog barks\ndog,a barking dog\n")
    sentence_encoder(folder / "models" / "sentences")
    torch.save(VggishNetwork().state_dict(), folder / "vggish-10086976.pth")
    torch.save(Vgg19().state_dict(), folder / "vgg19-dcbb9e9d.pth")


def sentence_encoder(folder: Path) -> None:
    """A small random BERT."""
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "barks", "rain"]
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **size)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)


SAID = {
    "codaar data avel.toml": "video: 3 of 3 clips are there",
    "codaar data pack avel.toml --to packed/avel40k": "packed/avel40k/pretrain.h5: 3 clips, ",
    "codaar data pack avel.toml --to packed/avel40k --split val": "packed/avel40k/val.h5: 1 clips, ",
    "codaar data verify packed/avel40k/pretrain.h5": "is intact: 3 clips",
    "codaar data pack recipes/avt.toml --bench classification --to packed/classification": "train-video.h5: ",
    "codaar validate recipes/avt.toml --deep -o bench.classification.packed=packed/classification": "is valid",
    "codaar data packed.toml": "found: 3 clips for pretraining: VGGSound-AVEL",
    "codaar validate packed.toml": "packed.toml is valid",
    "codaar data extract vggish recordings --to features/audio -o weights=vggish-10086976.pth": "made by vggish-relu",
    "codaar data extract vgg pictures --to features/pictures -o weights=vgg19-dcbb9e9d.pth": "by torchvision-vgg19-",
    "codaar data extract hf-text captions.csv --to features/sentences -o model=models/sentences": "3 sentences, 3 of",
    'codaar data extract hf-text rain="rain falls" dog="a dog barks" dog="a barking dog" '
    "--to features/given -o model=models/sentences": "features/given: 3 sentences, 3 of",
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


SMALL = (
    *("quantizer.codes=16", "quantizer.dim=16", "encoders.video.channels=[4, 8]", "decoders.video.hidden=4"),
    *("run.epochs=1", "device.threads=1", "data.batch=2"),
)


def test_from_a_recording_to_codes(folder, monkeypatch):
    monkeypatch.chdir(folder)
    move(codaar_core.run("packed.toml", SMALL), "runs/mine")
    (block,) = (block for block in PAGE if block.language == "py")
    done = subprocess.run([sys.executable, "-c", block.content], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (indices,) = json.loads(done.stdout)
    assert len(indices) == SECONDS and all(0 <= index < 16 for index in indices)


def test_a_name_packs_without_a_recipe(folder):
    more = [f"data.root={folder / 'release'}", "data.bert=nowhere"]
    with pytest.raises(DataError, match="nowhere"):  # its prompts need BERT
        codaar_core.pack_data("vggsound-avel", folder / "all", overrides=more)
