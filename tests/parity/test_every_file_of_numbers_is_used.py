"""Every file of reference values in the shared folder is read by a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from codaar_core.testing.released_numbers import shared_folder

ROOT = Path(__file__).resolve().parents[2]
VECTORS = shared_folder(ROOT) / "vectors"
READERS = {"released_numbers", "released"}
"""Fixtures that read a file by its name."""


def trees() -> Iterator[ast.Module]:
    """The syntax trees of all tests and their fixtures, except this file."""
    for file in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/*.py")]:
        if file != Path(__file__):
            yield ast.parse(file.read_text("utf-8"))


def names(tree: ast.Module) -> Iterator[str]:
    """Patterns of the files that a test module may read.

    These are the names of files with their suffix and, where the module calls a reader, all its strings. What an
    f-string inserts may be any other string of the module.
    """
    calls = any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in READERS for n in ast.walk(tree)
    )
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    strings = {node.value for node in ast.walk(tree) if is_string(node) and id(node) not in inside}
    yield from (re.escape(each.removesuffix(".npz")) for each in strings if calls or each.endswith(".npz"))
    inserted = "|".join(re.escape(each) for each in sorted(strings) if each.isidentifier())
    for node in ast.walk(tree):
        if calls and isinstance(node, ast.JoinedStr):
            yield "".join(re.escape(part.value) if is_string(part) else f"(?:{inserted})" for part in node.values)


def calls_a_reader(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS


def is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"needs {VECTORS} (set CODAAR_SHARED)")
def test_every_file_is_read():
    named = re.compile("|".join(pattern for tree in trees() for pattern in names(tree) if pattern))
    assert sorted(file.stem for file in VECTORS.glob("*.npz") if not named.fullmatch(file.stem)) == []
