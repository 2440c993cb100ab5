"""The tutorial, as its reader does it: from top to bottom, in one empty folder, with pip."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from code_blocks import ROOT, blocks
from environments import OFFLINE, Environment, run

PAGE = ROOT / "docs" / "tutorial.md"
PLUGIN = "codaar-plugin-anchor"

pytestmark = pytest.mark.slow(seconds=100)


class Reader:
    """Types the commands of the page, and looks whether what the page shows is in what comes out."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.path = os.pathsep.join([str(environment.bin), os.environ["PATH"]])
        self.folder = folder

    def save(self, name: str, content: str) -> None:
        assert (self.folder / name).is_file(), f"{name} is no file of the generated plug-in"
        (self.folder / name).write_text(content, "utf-8")

    def console(self, content: str) -> None:
        for entry in content.removeprefix("$ ").split("\n$ "):
            command, *shown = entry.strip().splitlines()
            self.type(command, shown)

    def type(self, command: str, shown: list[str]) -> None:
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return
        done = run("bash", "-c", offline(command), cwd=self.folder, PATH=self.path)
        said = squeezed(done.stdout + done.stderr)
        mistake = any("did you mean" in line for line in shown)
        assert bool(done.returncode) == mistake, f"$ {command}\n{done.stdout}{done.stderr}"
        for line in shown:
            assert squeezed(line) in said, f"$ {command}\nshould say {line!r}:\n{said}"


def offline(command: str) -> str:
    """The command, kept from the network: what the plug-in depends on must be installed already."""
    return " ".join([command, *OFFLINE, "--no-build-isolation"]) if " pip install " in command else command


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_tutorial(environment, tmp_path):
    reader = Reader(environment, tmp_path)
    try:
        for block in blocks(PAGE):
            if block.language == "console":
                reader.console(block.content)
            else:
                reader.save(block.name, block.content)
    finally:
        environment.uninstall(PLUGIN)
    page = next(reader.folder.glob("runs/anchor/*/report.html")).read_text("utf-8")
    assert "<h3>Anchor</h3>" in page and "Control: control" in page
    assert times_chance(reader.folder / "runs" / "anchor") > 1.5 > times_chance(reader.folder / "runs" / "control")


def times_chance(runs: Path) -> float:
    """How often its chance a run scores."""
    (results,) = (json.loads(path.read_text("utf-8"))["transfers"] for path in runs.glob("*/results.json"))
    headlines = [entry for entry in results if entry["headline"]]
    return sum(entry["mean"] for entry in headlines) / sum(entry["chance"] for entry in headlines)
