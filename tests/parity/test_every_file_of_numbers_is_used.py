"""No number of the released code lies about unused: each file is read by a test, or has a reason why not."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("CODAAR_SHARED", ROOT.parent / "shared")) / "vectors"
NOT_BUILT_YET = {
    "avs_metrics_loss": "the AVS benchmark",
    "avs_tpavi_eval": "the AVS benchmark",
    "labels": "the readers of annotation tables",
    "text_collate": "the choice of word pieces",
}


def readers() -> list[Path]:
    """Tests that read numbers of the released code."""
    files = sorted([*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")])
    return [file for file in files if file != Path(__file__) and "released" in file.read_text("utf-8")]


def patterns(file: Path) -> Iterator[str]:
    """Texts of a test as patterns; what an f-string inserts is any other text of the same test."""
    tree = ast.parse(file.read_text("utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = {node.value for node in ast.walk(tree) if is_text(node) and id(node) not in inside}
    inserted = "|".join(re.escape(text) for text in sorted(texts) if text.isalnum() or text.isidentifier())
    yield from (re.escape(text) for text in texts)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(re.escape(part.value) if is_text(part) else f"(?:{inserted})" for part in node.values)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"needs {VECTORS} (set CODAAR_SHARED)")
def test_every_file_is_read_or_excused():
    named = re.compile("|".join(pattern for file in readers() for pattern in patterns(file) if pattern))
    files = VECTORS.glob("*.npz")
    unused = {file.stem for file in files if not (named.fullmatch(file.stem) or named.fullmatch(file.name))}
    assert unused <= NOT_BUILT_YET.keys()
