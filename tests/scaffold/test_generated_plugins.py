"""Generated plug-ins pass the conformance kit, and their demo recipes are valid and run."""

from __future__ import annotations

import json

import numpy as np
import pytest

import codaar_core
from codaar_core.api import DataError
from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import run_command
from codaar_core.registry import KINDS
from codaar_core.testing.toy_recordings import write_wav

SMALL = ("run.epochs=1", "device.threads=1", "run.log_every=1")
SMALL_DATA = ("data.pretrain=16", "data.batch=8", "data.classification=[20,20]")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_plugin_passes_the_kit(installed, kind):
    outcomes = codaar_core.check_plugin(f"first-{kind}")
    assert len(outcomes) > 10
    assert [outcome for outcome in outcomes if outcome.state != "passed"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_demo_is_a_valid_recipe(installed, kind):
    recipes = installed[kind] / "recipes"
    assert codaar_core.validate(recipes / "demo.toml") == []
    assert codaar_core.validate(recipes / "base.toml") == []
    assert f"first-{kind}" in str(codaar_core.load(recipes / "demo.toml").resolved)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "extractor"])
def test_a_generated_demo_runs(installed, kind, tmp_path):
    sizes = ("data.clips=16",) if kind == "data" else SMALL_DATA
    overrides = (*SMALL, *sizes, f"run.directory={str(tmp_path)!r}")
    directory = codaar_core.run(installed[kind] / "recipes" / "demo.toml", overrides)
    assert json.loads((directory / "status.json").read_text("utf-8"))["status"] == "finished"


def test_a_generated_extractor_extracts(installed, tmp_path):
    """Its demo is the base, which all other kinds run; its own work comes before any run."""
    (tmp_path / "sound").mkdir()
    write_wav(tmp_path / "sound" / "one.wav", 1)
    (tmp_path / "sound" / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(
        DataError, match="1 of 2 recordings cannot be read.*\n.*bad.wav cannot be read: it ends too early"
    ):
        codaar_core.extract_features("first-extractor", tmp_path / "sound", tmp_path / "features")
    assert np.load(tmp_path / "features" / "one.npy").shape == (3, 32)


def test_the_verb_prints_a_table(installed, capsys):
    assert run_command(codaar, ["check-plugin", "first-hook"], "codaar") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["passed"]
    assert lines[1].split()[0] == "package:first-hook"
    assert lines[2].split()[0] == "hook:first-hook"
    assert lines[3].endswith("checks, nothing failed.")


def test_the_verb_prints_advice(installed, capsys, monkeypatch):
    from codaar_plugin_first_alignment.first_alignment import FirstAlignment

    def in_place(self, codebooks):
        for codewords in codebooks.values():
            codewords.add_(1)
        return codebooks

    monkeypatch.setattr(FirstAlignment, "adjust", in_place)
    assert run_command(codaar, ["check-plugin", "first-alignment"], "codaar") == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["passed", "failed"]
    assert "\nalignment:first-alignment:pure\n" in said.out
    assert "FirstAlignment.adjust mutated the codebook of" in said.out and "= help: return new tensors" in said.out
    assert "checks failed" in said.err


def test_the_verb_rejects_an_unknown_plugin(installed, capsys):
    assert run_command(codaar, ["check-plugin", "first-los"], "codaar") == 1
    assert "did you mean 'codaar-plugin-first-loss'?" in capsys.readouterr().err
