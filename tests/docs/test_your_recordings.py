"""The commands of docs/your-recordings.md are run in order: on generated features, and on generated films."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from codaar_plugin_files.example_files import write_example
from code_blocks import ROOT, blocks

from codaar_core.cli.commands import codaar

PAGE = ROOT / "docs" / "your-recordings.md"
COMMANDS = [line[2:] for block in blocks(PAGE) if block.language == "sh" for line in block.content.splitlines()]
FILMS = [command for command in COMMANDS if "films" in command]
SMALL = ["device.threads=1", "run.epochs=12", "quantizer.codes=64", "quantizer.dim=32", "evaluate.seeds=[1]"]
SMALL += ["encoders.audio.feedforward=32", "encoders.audio.private=16", "bench.classification.epochs=15"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with the recipes of the page; the current one."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for block in blocks(PAGE):
        if block.name:
            (tmp_path / block.name).write_text(block.content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str, small: list[str]) -> str:
    """Run a command of the page with settings that make it quick."""
    for name in ("mine", "films"):
        runs = sorted(Path().glob(f"runs/{name}/2*"))
        command = command.replace(f"runs/{name}/STAMP", str(runs[-1]) if runs else "")
    words = shlex.split(command)
    call = ["run", *words[1:]] if words[0] == "codaar-run" else words[1:]
    if call[0] == "run":
        call += [word for setting in small for word in ("-o", setting)]
    result = CliRunner().invoke(codaar, call, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def accuracies(place: str) -> dict[str, float]:
    """Accuracy of classification by transfer, in the last run of a folder."""
    results = json.loads((sorted(Path(place).glob("2*"))[-1] / "results.json").read_text("utf-8"))
    rows = [row for row in results["transfers"] if row["benchmark"] == "classification" and row["metric"] == "accuracy"]
    return {f"{row['train']}->{row['test']}": row["mean"] for row in rows}


def test_from_features_to_a_report(folder):
    write_example(folder / "my-data", {"features/audio": (16,), "features/video": (24,)}, clips=320)
    found = [run(command, SMALL) for command in COMMANDS if command not in FILMS]
    assert "audio: " in found[1] and "clips are there" in found[1]
    transfers = accuracies("runs/mine")
    assert set(transfers) == {"audio->video", "video->audio"}
    assert min(transfers.values()) > 0.9, transfers
    assert (sorted(Path("runs/mine").glob("2*"))[0] / "report.html").is_file()


KINDS = ("circle", "cross", "square", "bar")
TONES = (330.0, 740.0, 1480.0, 2950.0)  # Hz
FILM_SECONDS, EACH, SIDE = 4, 20, 48


@pytest.mark.slow(seconds=40)
def test_from_films_to_a_report(folder):
    """Four shapes that move, each with its own tone; small random models keep them apart."""
    for library in ("av", "transformers"):
        pytest.importorskip(library)
    write_films(folder / "films")
    write_tables(folder / "my-films")
    write_models(folder / "models")
    for command in FILMS:
        run(command, [*SMALL, "run.epochs=50"])
    page = (sorted(Path("runs/films").glob("2*"))[-1] / "atlas.html").read_text("utf-8")
    assert re.search(r'"picture","[^"]+","film-\d\d, 1 s to 2 s"', page)
    assert re.search(r'"sound","[^"]+","film-\d\d, 1 s to 2 s"', page)
    transfers = accuracies("runs/films")
    assert set(transfers) == {"audio->video", "video->audio"}
    assert min(transfers.values()) > 0.9, transfers


def write_films(folder: Path) -> None:
    from codaar_core.testing.toy_recordings import write_film

    folder.mkdir()
    for number in range(EACH * len(KINDS)):
        kind, random = number % len(KINDS), np.random.default_rng(number)
        place, speed, pitch = (
            random.uniform(14, 34, 2),
            random.uniform(-2, 2, 2),
            TONES[kind] * random.uniform(0.98, 1.02),
        )
        write_film(
            folder / f"film-{number:02d}.mkv",
            np.arange(0, FILM_SECONDS, 0.2),
            lambda time, kind=kind, place=place, speed=speed: drawn(kind, place + speed * time),
            lambda times, pitch=pitch: 0.4 * np.sin(2 * math.pi * pitch * times),
            (0.0, FILM_SECONDS),
        )


def drawn(kind: int, place: np.ndarray) -> np.ndarray:
    """A picture of a shape in its own colour."""
    y, x = np.abs(np.mgrid[:SIDE, :SIDE] - place[:, None, None])
    inside = (x**2 + y**2 < 100, (x < 3) | (y < 3), (x < 9) & (y < 9), (x < 24) & (y < 4))[kind]
    colours = ((250, 40, 40), (40, 250, 40), (40, 40, 250), (250, 250, 40))
    return np.where(inside[..., None], np.array(colours[kind]), 20).astype(np.uint8)


def write_tables(folder: Path) -> None:
    folder.mkdir()
    rows = [f"film-{number:02d},{KINDS[number % len(KINDS)]}" for number in range(EACH * len(KINDS))]
    (folder / "labels.csv").write_text("\n".join(["id,label", *rows]))


def write_models(folder: Path) -> None:
    """Small random models."""
    import transformers

    torch.manual_seed(0)
    body = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    ast = {"max_length": 128, "num_mel_bins": 64}
    models = {
        "clip": (
            transformers.ViTModel(transformers.ViTConfig(**body, image_size=48, patch_size=8)),
            transformers.ViTImageProcessor(size={"height": 48, "width": 48}),
        ),
        "ast": (
            transformers.ASTModel(transformers.ASTConfig(**body, **ast, frequency_stride=16, time_stride=16)),
            transformers.ASTFeatureExtractor(**ast),
        ),
    }
    for name, parts in models.items():
        for part in parts:
            part.save_pretrained(folder / name)
