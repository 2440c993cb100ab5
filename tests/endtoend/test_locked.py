"""The lock of a real run: the same recipe passes, anything else is refused, with every difference."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import pytest
import tomli_w

import codaar_core
from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import run_command
from codaar_core.engine import LockMismatch, read_lock


class Passed(Exception):
    """The lock was held against what is here, and nothing was refused."""


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    """A run ends before its folder is made."""

    def passed(*_):
        raise Passed

    monkeypatch.setattr(import_module("codaar_core.engine.run"), "_new_directory", passed)


def test_what_a_lock_holds(finished, recipe):
    lock = read_lock(finished)
    assert lock["command"].startswith(f"codaar-run {recipe} -o run.epochs=2")
    assert lock["recipe"]["files"].keys() == {"avt.toml"}
    assert lock["recipe"]["overrides"]["run.epochs"] == "2" and "run.directory" not in lock["recipe"]["overrides"]
    assert lock["packages"]["codaar-plugin-csa"] == version("codaar-plugin-csa") and lock["packages"]["torch"]
    assert lock["components"]["align.csa"]["source"].startswith("sha256:")
    assert lock["data"]["origin"].startswith("AVT-Digits")
    assert not lock["git"] or len(lock["git"]["commit"]) == 40


def test_the_same_recipe_passes(finished, recipe, tiny):
    with pytest.raises(Passed):
        codaar_core.run(recipe, tiny, locked=finished)


def test_a_recipe_that_changed_is_refused(finished, recipe, tiny, tmp_path):
    copy = tmp_path / "avt.toml"
    copy.write_text(recipe.read_text("utf-8") + "# a remark\n")
    with pytest.raises(LockMismatch) as caught:
        codaar_core.run(copy, [*tiny, "run.seed=1"], locked=finished / "lock.toml")
    assert [line.partition(": ")[0] for line in caught.value.differences] == [
        "recipe.files.avt.toml",
        "recipe.overrides.run.seed",
    ]


def test_other_packages_sources_and_data_are_refused(finished, recipe, tiny, tmp_path):
    lock = read_lock(finished)
    lock["packages"]["torch"] = "1.0"
    lock["components"]["quantizer"]["source"] = "sha256:0"
    lock["data"]["origin"] = "elsewhere"
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(lock))
    with pytest.raises(LockMismatch) as caught:
        codaar_core.run(recipe, tiny, locked=tmp_path)
    changed = [line.partition(": ")[0] for line in caught.value.differences]
    assert changed == ["packages.torch", "components.quantizer.source", "data.origin"]


def test_on_the_command_line(finished, recipe, tiny, tmp_path, capsys):
    copy = tmp_path / "avt.toml"
    copy.write_bytes(recipe.read_bytes())
    words = ["run", str(copy), *(word for override in tiny for word in ("-o", override)), "--locked"]
    assert run_command(codaar, words, "codaar") == 1
    assert f"{tmp_path / 'avt.lock.toml'} cannot be read" in capsys.readouterr().err
    assert run_command(codaar, ["lock", str(finished), "-O", str(copy.with_suffix(".lock.toml"))], "codaar") == 0
    assert run_command(codaar, words, "codaar") == 1
    assert "unexpected Passed" in capsys.readouterr().err
    assert run_command(codaar, [*words, "-o", "run.seed=1"], "codaar") == 3
    assert "recipe.overrides.run.seed: nothing -> 1" in capsys.readouterr().err
