"""docs/reference/api.md shows every public name, and its examples run."""

from __future__ import annotations

import ast
import runpy
import shutil
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "reference" / "examples").glob("*/*.py"))
SLOW = ("tests/kit", "verbs/atlas", "verbs/data", "verbs/encode", "verbs/export", "verbs/run", "verbs/sweep")
PACKAGES = ("codaar_core.api", "codaar_core.features", "codaar_core.nn", "codaar_core.testing", "codaar_core")


@pytest.fixture(scope="module")
def api() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "make_api.py")))


@pytest.fixture(scope="module")
def examples(api):
    return [example for kind in api.KINDS for example in api.examples(kind)]


def test_the_page_is_up_to_date(api):
    assert api.PAGE.read_text("utf-8") == api.page(), "run python docs/make_api.py"


def test_every_public_name_is_documented_once(examples):
    documented = sorted(name for example in examples for name in example.names)
    public = {name for package in PACKAGES for name in import_module(package).__all__}
    assert documented == sorted(public - {"__version__"})


def test_every_example_uses_the_names_that_it_documents(examples):
    for example in examples:
        tree = ast.walk(ast.parse(example.code))
        used = {getattr(node, "id", getattr(node, "attr", None)) for node in tree}
        assert set(example.names) <= used, example.path


def test_every_example_asserts_something(examples):
    for example in examples:
        assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(example.code))), example.path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("recipes", "registry"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)


def marked(path: Path):
    """Examples that train or make data take more than ten seconds."""
    name = f"{path.parent.name}/{path.stem}"
    return pytest.param(path, id=name, marks=[pytest.mark.slow] * (name in SLOW))


@pytest.mark.parametrize("path", [marked(path) for path in EXAMPLES])
def test_examples_run(path, folder):
    runpy.run_path(str(path))


DOCUMENTED = '''
class Widths(NamedTuple):
    """Two widths.

    Args:
        latent: Width D
            of a latent.

    Raises:
        ValueError: One is negative.
    """

    latent: int
    code: int = 3  # W | D

    @property
    def total(self) -> int:
        """Their ``sum``."""
'''


def test_classes_are_shown_with_fields_and_methods(api):
    node = ast.parse(DOCUMENTED).body[0]
    found = api.Definition("Widths", node, DOCUMENTED.splitlines(), ast.get_docstring(node))
    assert "\n".join(api._entry(found)) == (
        "\n### Widths\n\n```py\nclass Widths(NamedTuple)\n```\n\n"
        "Two widths.\n\nRaises:\n\n- `ValueError`: One is negative.\n"
        "\n| field | type | default | meaning |\n|---|---|---|---|\n"
        "| `latent` | `int` |  | Width D of a latent. |\n| `code` | `int` | `3` | W \\| D |\n"
        "\nMembers:\n\n- `total: int`: Their `sum`."
    )


def test_long_signatures_have_one_argument_a_line(api):
    arguments = ", ".join(f"argument_{number}: int = {number}" for number in range(6))
    node = ast.parse(f"def f(first, {arguments}, *, key=1, **named: str) -> None: ...").body[0]
    lines = api.signature(node).splitlines()
    assert lines[:3] == ["f(", "    first,", "    argument_0: int = 0,"]
    assert lines[-3:] == ["    key=1,", "    **named: str,", ") -> None"]


def test_a_name_that_nothing_defines_is_an_error(api):
    with pytest.raises(LookupError, match="no module of codaar_core.api defines __name__"):
        api.definition("codaar_core.api", "__name__")
