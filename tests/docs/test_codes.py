"""The commands and Python blocks of docs/codes.md and docs/search.md are run in order, in one folder."""

from __future__ import annotations

import shlex
import shutil

import h5py
import numpy as np
from click.testing import CliRunner
from code_blocks import ROOT, blocks
from smallest import SMALLEST

from codaar_core.cli.commands import codaar

PAGES = [ROOT / "docs" / "codes.md", ROOT / "docs" / "search.md"]
PLACE = "runs/avt/STAMP"
SMALL = [
    *SMALLEST,
    "evaluate.on=['classification', 'retrieval']",
    "data.classification=[20,20]",
    "data.retrieval=10",
    "bench.classification.epochs=1",
]


def test_the_pages_run_as_they_stand(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features" / "audio").mkdir(parents=True)
    for clip in range(3):
        np.save(tmp_path / "features" / "audio" / f"clip{clip}.npy", np.full((2 + clip, 128), clip, np.float32))
    commands = 0
    for block in (block for page in PAGES for block in blocks(page)):
        if block.language == "py":
            exec(placed(block.content, tmp_path), {})
        for line in block.content.splitlines() if block.language == "sh" else ():
            words = shlex.split(placed(line.removeprefix("$ "), tmp_path))
            call = ["run", *words[1:]] if words[0] == "codaar-run" else words[1:]
            if call[0] == "run" or call[:2] == ["data", "pack"]:
                call += [word for setting in SMALL for word in ("-o", setting)]
            result = CliRunner().invoke(codaar, call, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            commands += 1
    assert commands == 13
    with h5py.File("audio.h5") as file:
        assert file["audio/mask"][:].sum(1).tolist() == [2, 3, 4]
    assert len((tmp_path / "test.jsonl").read_text("utf-8").splitlines()) == 3 * 20


def test_the_commands_of_the_readme_are_on_pages_that_are_run():
    (block,) = (block for block in blocks(ROOT / "README.md") if block.language == "sh")
    pages = [*PAGES, ROOT / "docs" / "atlas.md"]
    run = {line for page in pages for each in blocks(page) for line in each.content.splitlines()}
    assert set(block.content.splitlines()) <= run


def placed(text: str, folder) -> str:
    """The text with the name of the run directory, as soon as there is one."""
    runs = list(folder.glob("runs/avt/*"))
    return text.replace(PLACE, str(runs[0].relative_to(folder))) if runs else text
