"""The commands of docs/your-recordings.md are run in order: on generated features, and on generated films."""

from __future__ import annotations

import json
import math
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
SMALL = ["device.threads=1", "run.epochs=8", "quantizer.codes=64", "quantizer.dim=32", "evaluate.seeds=[1]"]
SMALL += ["encoders.audio.feedforward=32", "encoders.audio.private=16", "bench.classification.epochs=15"]
TABLES = ("clips", "labels", "segments", "values", "captions")


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
    runs = sorted(Path().glob("runs/mine/2*"))
    words = shlex.split(command.replace("runs/mine/STAMP", str(runs[-1]) if runs else ""))
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
    write_example(folder / "my-data", {"features/audio": (16,), "features/video": (24,)}, clips=240)
    found = [run(command, SMALL) for command in COMMANDS if command not in FILMS]
    assert "audio: " in found[1] and "clips are there" in found[1]
    transfers = accuracies("runs/mine")
    assert set(transfers) == {"audio->video", "video->audio"}
    assert min(transfers.values()) > 0.9
    assert (sorted(Path("runs/mine").glob("2*"))[0] / "report.html").is_file()
