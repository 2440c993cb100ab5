"""`codaar new-plugin` writes a complete distribution, or gives the reason for its refusal."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core import new_plugin
from codaar_core.api import CodaarError
from codaar_core.cli.commands import codaar
from codaar_core.cli.completion import kinds
from codaar_core.cli.errors import run_command
from codaar_core.registry import KINDS, Kind
from codaar_core.scaffold.distribution import FILES, render
from codaar_core.scaffold.names import Names, Refused, names_of

WRITTEN = [
    ".github/workflows/publish.yml",
    ".github/workflows/test.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "codaar_plugin_gated_mask/__init__.py",
    "codaar_plugin_gated_mask/gated_mask.py",
    "pyproject.toml",
    "recipes/base.toml",
    "recipes/demo.toml",
    "tests/test_conformance.py",
]


def refusal(*arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        new_plugin(*arguments)
    assert caught.value.exit_code == 2 and caught.value.help
    return caught.value


# What is written


def test_a_complete_distribution(tmp_path):
    folder = new_plugin("gated-mask", "heads", tmp_path / "deep" / "down")
    assert folder == tmp_path / "deep" / "down" / "codaar-plugin-gated-mask"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == WRITTEN and len(WRITTEN) == len(FILES)
    assert "class GatedMask(TaskHead):" in (folder / "codaar_plugin_gated_mask" / "gated_mask.py").read_text("utf-8")


def test_the_test_file_is_one_line_and_its_import(tmp_path):
    written = (new_plugin("mine", "loss", tmp_path) / "tests" / "test_conformance.py").read_text("utf-8")
    assert written.split("\n\n")[1] == 'test_conformance = codaar_checks("codaar-plugin-mine")\n'


def test_every_kind_has_a_template(generated):
    assert set(generated) == set(KINDS)


def test_kinds_are_listed_and_completed(capsys):
    assert run_command(codaar, ["new-plugin", "--help"], "codaar") == 0
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").split()
    assert set(KINDS) <= set(words)
    assert kinds(None, None, "e") == ["extractor", "encoder"]


def test_metadata_offer_the_component(generated):
    for kind, folder in generated.items():
        project = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        offered = {f"first-{kind}": f"codaar_plugin_first_{kind}.first_{kind}:First{kind.capitalize()}"}
        assert project["name"] == f"codaar-plugin-first-{kind}"
        assert project["entry-points"] == {KINDS[kind].group: offered}
        assert f"codaar-core>={version('codaar-core')},<1" in project["dependencies"]


def test_components_are_short(generated):
    for kind, folder in generated.items():
        (path,) = folder.glob("codaar_plugin_*/first_*.py")
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) < 120 and max(map(len, lines)) <= 120, kind


def test_no_placeholder_is_left(generated):
    for folder in generated.values():
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "README.md":
                assert "$" not in re.sub(r"\$\{\{ (matrix|env)\.\w+ }}", "", path.read_text("utf-8")), path


def test_ci_installs_core_from_the_given_repository(tmp_path, generated):
    folder = new_plugin("mine", "loss", tmp_path, checkout="https://example.org/codaar.git")
    workflow = ".github/workflows/test.yml"
    assert '  CODAAR: "https://example.org/codaar.git"\n' in (folder / workflow).read_text("utf-8")
    assert '  CODAAR: ""\n' in (generated["loss"] / workflow).read_text("utf-8")


def test_workflows_are_yaml(generated):
    yaml = pytest.importorskip("yaml")
    for path in generated["loss"].glob(".github/workflows/*.yml"):
        assert yaml.safe_load(path.read_text("utf-8"))["jobs"]


def test_the_code_is_formatted(generated):
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    folder = generated["loss"].parent
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "--no-cache", folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


# What is refused


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("Gated", "'gated'"),
        ("GatedMask", "'gated-mask'"),
        ("gated_mask", "'gated-mask'"),
        ("9lives", "'lives'"),
        ("../up", "'up'"),
        ("a--b", "'a-b'"),
        ("", "a-z and 0-9"),
        ("codaar-plugin-x", "'x'"),
        ("class", "'my-class'"),
        ("none", "'my-none'"),
        ("loss", "'my-loss'"),  # class Loss(Loss)
        ("config", "'my-config'"),
        ("csa", "`codaar list plugins`"),
    ],
)
def test_invalid_names(tmp_path, name, suggested):
    assert suggested in refusal(name, "loss", tmp_path).help
    assert not any(tmp_path.iterdir())


def test_an_existing_folder_is_not_changed(tmp_path):
    folder = new_plugin("mine", "loss", tmp_path)
    (folder / "README.md").write_text("precious")
    assert refusal("mine", "head", tmp_path).message.endswith("codaar-plugin-mine already exists")
    assert (folder / "README.md").read_text() == "precious"
    assert not (folder / "recipes" / "head.toml").exists()


def test_an_unknown_kind(tmp_path):
    with pytest.raises(CodaarError) as caught:
        new_plugin("mine", "lose", tmp_path)
    assert caught.value.help == "did you mean 'loss'?"


def test_a_kind_without_template(tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "dream", Kind("dream", "dreams", "dream", "Loss"))
    assert refusal("mine", "dream", tmp_path).message == "there is no template for the kind 'dream'"


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CodaarError, match="cannot write .*codaar-plugin-mine"):
        new_plugin("mine", "loss", tmp_path / "file")


@given(st.text("abcXY01-_. /", max_size=12))
@settings(deadline=None, max_examples=200)
def test_a_name_is_refused_or_gives_valid_python(name):
    try:
        names = names_of(name)
    except Refused as refused:
        assert refused.help
        return
    for identifier in (names.package, names.module, names.component):
        assert identifier.isidentifier()


@given(st.sampled_from(["encoder", "data", "hook"]), st.from_regex(r"[a-z]{1,9}-[a-z0-9]{1,9}", fullmatch=True))
@settings(deadline=None, max_examples=25)
def test_every_valid_name_fits_every_template(kind, name):
    for path, text in render(Names(name), KINDS[kind]).items():
        if path.endswith(".py"):
            ast.parse(text)
        elif path.endswith(".toml"):
            tomli.loads(text)


# The command line


def test_the_verb_prints_the_next_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(codaar, ["new-plugin", "gated-mask", "--kind", "alignment"], "codaar") == 0
    out = capsys.readouterr().out
    assert all(f"  {path}\n" in out for path in WRITTEN)
    assert "  cd codaar-plugin-gated-mask\n" in out and "codaar check-plugin gated-mask" in out


def test_torch_is_not_imported(tmp_path):
    script = (
        "import sys, codaar_core\n"
        f"codaar_core.new_plugin('mine', 'loss', {str(tmp_path)!r})\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
