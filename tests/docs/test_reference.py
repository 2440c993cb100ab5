"""docs/reference/ is what docs/make_reference.py writes, and every message has its heading in docs/errors.md."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.cli.commands import VERBS
from codaar_core.recipe.toml.problem import CODES

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = (ROOT / "tests" / "messages" / "test_golden_messages.py").read_text("utf-8")
ELSEWHERE = {
    "unbuildable": "cli/test_validate.py",
    "failing-component": "engine/test_synthetic_step.py",
    "renamed-setting": "recipe/test_renamed_settings.py",
    "missing-data": "engine/test_missing_data.py",
}
"""Codes whose messages other tests check."""


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["pages"]()


@pytest.mark.parametrize("name", ["cli.md", "recipe.md"])
def test_the_reference_is_up_to_date(written, name):
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == written[name], "run python docs/make_reference.py"


def test_every_verb_has_a_heading(written):
    assert all(f"\n## codaar {verb}\n" in written["cli.md"] for verb in VERBS)


def test_every_code_has_a_heading_and_every_heading_a_code():
    headings = re.findall(r"^### (\S+)$", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted({*CODES, *codes_of_exceptions(), "Others"})


def codes_of_exceptions() -> set[str]:
    """What stands in brackets when one of these ends a verb."""
    for module in walk_packages(codaar_core.__path__, "codaar_core."):
        import_module(module.name)
    kinds = [CodaarError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    codes = {getattr(kind, "code", "") for kind in kinds if kind.__module__.startswith("codaar_core.")}
    return codes - {""}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_golden_message(code):
    other = (ROOT / "tests" / ELSEWHERE[code]).read_text("utf-8") if code in ELSEWHERE else ""
    assert f"[{code}]: " in GOLDEN or code in other


def test_every_exit_code_is_explained_in_help_and_docs():
    from codaar_core.cli.commands import codaar

    said = " ".join((codaar.help or "").split())
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for code, words in {
        0: "success",
        1: "failed while running",
        2: "error",
        3: "--locked",
        130: "interrupted",
        143: "SIGTERM",
    }.items():
        assert re.search(rf"\b{code} [^,]*{words}", said), code
        assert re.search(rf"^\| {code} \| .*{words}", page, re.MULTILINE), code
