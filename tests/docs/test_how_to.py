"""docs/own-loss.md and docs/own-quantizer.md: what they write passes the conformance kit and takes a training step."""

from __future__ import annotations

import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from code_blocks import ROOT, blocks
from smallest import SMALLEST

from codaar_core.cli.commands import codaar
from codaar_core.testing.kit import cases_of
from codaar_core.testing.subjects import subject_of

PAGES = {"loss": ("own-loss.md", "Agree"), "quantizer": ("own-quantizer.md", "Signs")}

FEW = [word for setting in SMALLEST if setting.startswith("data.") for word in ("-o", setting)]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The files of both pages, and the recipes; the working folder."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for page, _ in PAGES.values():
        for block in blocks(ROOT / "docs" / page):
            if block.name:
                (tmp_path / block.name).write_text(block.content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", PAGES)
def test_the_component_passes_every_check_of_its_kind(kind, folder, monkeypatch):
    _, name = PAGES[kind]
    monkeypatch.syspath_prepend(folder)
    component = getattr(import_module(name.lower()), name)
    monkeypatch.delattr(component, "name")  # the kit trains it under a name of its own
    cases = cases_of(subject_of(kind, "how-to", component))
    assert len(cases) > 20
    for case in cases:
        outcome = case.run()
        assert outcome.state == "passed", f"{outcome.id}: {outcome.message}"


@pytest.mark.parametrize("kind", PAGES)
def test_the_recipe_of_the_page_takes_a_step(kind, folder):
    page = ROOT / "docs" / PAGES[kind][0]
    commands = [line[2:] for block in blocks(page) if block.language == "sh" for line in block.content.splitlines()]
    checked = [shlex.split(command) for command in commands if "validate" in command or "inspect" in command]
    assert len(checked) == 2
    for words in checked:
        few = FEW if words[1] == "validate" else ()
        result = CliRunner().invoke(codaar, [*words[1:], *few], catch_exceptions=False)
        assert result.exit_code == 0, result.output


def test_what_the_page_says_is_refused_is_refused(folder, call):
    """A width that the encoders cannot have, and a loss that needs distances."""
    code, _, said = call("validate", "signs.toml", "--deep", "-o", "quantizer.width=10")
    assert code == 2 and "do not divide the latent width 10" in said
    code, _, said = call("validate", "signs.toml", "--deep", "-o", 'model.losses=["cmcm"]')
    assert code == 2 and "cmcm needs the distances to all codewords" in said
