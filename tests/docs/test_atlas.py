"""The commands and the Python block of docs/atlas.md are run in order, in one folder."""

from __future__ import annotations

import shlex
import shutil

import pytest
from click.testing import CliRunner
from code_blocks import ROOT, blocks
from smallest import SMALLEST

from codaar_core.cli.commands import codaar

PAGE = ROOT / "docs" / "atlas.md"
SMALL = [
    *SMALLEST,
    "evaluate.on=['classification','localization']",
    "data.classification=[20,20]",
    "data.localization=[20,20]",
    "bench.classification.epochs=1",
    "bench.localization.epochs=1",
]


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    commands = 0
    for block in blocks(PAGE):
        if block.language == "py":
            exec(block.content, {})
        for line in block.content.splitlines() if block.language == "sh" else ():
            run = next((path.relative_to(tmp_path) for path in tmp_path.glob("runs/avt/*")), None)
            words = shlex.split(line.removeprefix("$ ").replace("runs/avt/STAMP", str(run)))
            call = words[1:] if words[0] == "codaar" else ["run", *words[1:], *(w for s in SMALL for w in ("-o", s))]
            result = CliRunner().invoke(codaar, call, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            commands += 1
    assert commands == 5
    (run,) = tmp_path.glob("runs/avt/*")
    for page, clips in ((run / "atlas.html", "localization"), (tmp_path / "classification.html", "classification")):
        assert f'"clips":"test of {clips}"' in page.read_text("utf-8")
    assert '"picture"' in page.read_text("utf-8") and '"sound"' in page.read_text("utf-8")
    assert not list(run.glob("*.partial"))
