"""The commands and Python blocks of docs/models.md and docs/compare.md are run in order, in one folder."""

from __future__ import annotations

import re
import shlex
import shutil

import numpy as np
from click.testing import CliRunner
from code_blocks import ROOT, blocks
from smallest import SMALLEST

from codaar_core.cli.commands import codaar

PAGES = [ROOT / "docs" / name for name in ("models.md", "compare.md")]
SMALL = [*SMALLEST, "evaluate.on=['classification']", "data.classification=[20,20]", "bench.classification.epochs=1"]


def test_the_pages_run_as_they_stand(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features" / "audio").mkdir(parents=True)
    np.save(tmp_path / "features" / "audio" / "clip.npy", np.ones((3, 128), np.float32))
    commands = 0
    for block in (block for page in PAGES for block in blocks(page)):
        if block.language == "py":
            exec(placed(block.content, tmp_path), {})
        for line in block.content.splitlines() if block.language == "sh" else ():
            words = shlex.split(placed(line.removeprefix("$ "), tmp_path))
            call = words[1:] if words[0] == "codaar" else ["run", *words[1:], *given(SMALL)]
            result = CliRunner().invoke(codaar, call, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            commands += 1
    assert commands == 5
    assert {path.name for path in tmp_path.glob("comparison.*")} == {
        "comparison.html",
        "comparison.csv",
        "comparison.tex",
    }
    described = re.findall(r"^\| `([\w./]+)` \|", PAGES[0].read_text("utf-8"), re.MULTILINE)
    assert set(described) - {"components/"} == {path.name for path in (tmp_path / "shared" / "avt").iterdir()}


def given(settings):
    return [word for setting in settings for word in ("-o", setting)]


def placed(text: str, folder) -> str:
    """The text with the names of the run directories that there are."""
    for path in folder.glob("runs/*/*"):
        text = text.replace(f"runs/{path.parent.name}/STAMP", str(path.relative_to(folder)))
    return text
