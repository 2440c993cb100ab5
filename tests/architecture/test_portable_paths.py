"""What breaks on another operating system than the author's, found without one: names of files, encodings, imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from codaar_core.engine.record.run_directory import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')  # in a name on Windows
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
LONGEST = 150  # characters below the checkout: Windows allows 260 in all
TEXT_MODE = re.compile(r"[rwax]t?\+?t?")
POSIX_ONLY = {"fcntl", "grp", "pwd", "readline", "resource", "syslog", "termios", "tty"}
SOURCES = [*ROOT.glob("codaar_core/**/*.py"), *ROOT.glob("plugins/*/codaar_plugin_*/**/*.py"), *ROOT.glob("tools/*.py")]


@pytest.fixture(scope="module")
def names() -> list[str]:
    """Every committed file, from the root of the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    return listed.stdout.splitlines()


def test_windows_can_have_every_file(names):
    assert len(names) > 500
    for name in names:
        assert len(name) <= LONGEST, name
        for part in PurePosixPath(name).parts:
            assert not FORBIDDEN.search(part), name
            assert part.partition(".")[0].lower() not in RESERVED, name


def test_no_two_files_differ_only_in_capitals(names):
    assert [name for name, count in Counter(map(str.lower, names)).items() if count > 1] == []


def test_every_module_can_be_imported_everywhere():
    """What only POSIX has is imported where it is used, or where its absence is caught."""
    assert len(SOURCES) > 200
    bad = [(path.name, sorted(imported_at_once(path) & POSIX_ONLY)) for path in SOURCES]
    assert [(name, modules) for name, modules in bad if modules] == []


def test_text_is_read_and_written_in_utf_8_everywhere():
    """Without an encoding, it is that of the operating system."""
    found = [(path, call) for path in SOURCES for call in ast.walk(tree(path)) if without_encoding(call)]
    assert [f"{path.relative_to(ROOT)}:{call.lineno}" for path, call in found] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("path.open('a')", True),
        ("open(path, 'w')", True),
        ("open(path, 'wb')", False),
        ("path.open('a', encoding='utf-8')", False),
        ("archive.open('member')", False),
        ("av.open(path, 'w')", False),
    ],
)
def test_calls_without_an_encoding_are_found(code, found):
    assert without_encoding(ast.parse(code).body[0].value) == found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported_at_once(path: Path) -> set[str]:
    """Modules that a module imports when it is imported, whatever happens."""
    imports = (node for node in tree(path).body if isinstance(node, ast.Import))
    members = (node.module or "" for node in tree(path).body if isinstance(node, ast.ImportFrom))
    return {*(alias.name for node in imports for alias in node.names), *members}


def without_encoding(call: ast.AST) -> bool:
    """Whether it opens text in the encoding of the operating system."""
    if not isinstance(call, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in call.keywords):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "open":
        mode = call.args[isinstance(call.func, ast.Name) :][:1]  # open(path, mode), path.open(mode)
        return any(isinstance(each, ast.Constant) and TEXT_MODE.fullmatch(str(each.value)) for each in mode)
    return len(call.args) < {"read_text": 1, "write_text": 2}.get(name, 0)


def test_a_run_directory_can_be_used_where_files_cannot_be_locked(tmp_path, monkeypatch):
    (tmp_path / "resolved.toml").touch()
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    with RunDirectory(tmp_path).exclusive(), RunDirectory(tmp_path).exclusive():
        assert not (tmp_path / "resolved.toml").read_text("utf-8")
