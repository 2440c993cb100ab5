"""Every command and block of the README and of docs/ is run; those of the tutorial by test_tutorial.py, in order."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
from code_blocks import ROOT, blocks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "plugins").glob("*/README.md"))]
SMALL = [
    "run.epochs=1",
    "data.pretrain=16",
    "data.batch=8",
    "data.patches=8",
    "data.words=16",
    "data.classification=[20,20]",
    "data.localization=[10,10]",
    "data.retrieval=10",
    "device.threads=1",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.video.channels=[4,8]",
    "decoders.video.hidden=4",
    "evaluate.seeds=[1]",
]
TUTORIAL = ROOT / "docs" / "tutorial.md"
INSTALL, TEST = "python -m pip install -r requirements.txt", "python -m pytest"
ALL = [block for page in PAGES if page != TUTORIAL for block in blocks(page)]
COMMANDS = [
    pytest.param(block, line[2:], id=f"{block}: {line[2:50]}")
    for block in ALL
    if block.language == "console"
    for line in block.content.splitlines()
    if line.startswith("$ ") and not line.startswith(f"$ {TEST}")
]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for block in ALL:
        if block.name:
            (tmp_path / block.name).write_text(block.content, "utf-8")
    return tmp_path


@pytest.mark.parametrize(("block", "command"), COMMANDS)
def test_commands(block, command, folder):
    words = shlex.split(command.removeprefix(f"{INSTALL} && "))
    assert words[0] in ("codaar", "codaar-run")
    if words[0] == "codaar-run":
        words += [word for setting in SMALL for word in ("-o", setting)]
    program = Path(sys.executable).with_name(words[0])
    done = subprocess.run([program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", [each for each in ALL if each.language == "python"], ids=str)
def test_python(block):
    done = subprocess.run([sys.executable, "-c", block.content], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", [each for each in ALL if each.language == "toml"], ids=str)
def test_toml(block, tmp_path):
    values = tomli.loads(block.content)
    if "codaar" in values:
        import codaar_core

        path = tmp_path / "recipe.toml"
        path.write_text(block.content, "utf-8")
        assert codaar_core.validate(path) == []


def test_blocks_are_found():
    assert len(COMMANDS) >= 8
    assert {block.language for block in ALL} >= {"console", "python", "toml"}


def test_ci_runs_the_two_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"$ {INSTALL} && codaar-run recipes/avt.toml\n" in readme
    assert f"$ {TEST}\n" in readme
    assert re.search(rf"^{INSTALL.replace('install', 'install --quiet')}$", script, re.MULTILINE)
    assert re.search(rf"^{TEST}$", script, re.MULTILINE)
