"""Cases that ``benchmarks/fuzz.py`` found, as small files."""

from __future__ import annotations

import pytest
import tomli_w

from codaar_core.api import CodaarError
from codaar_core.cli import codaar
from codaar_core.cli.errors import run_command
from codaar_core.engine import read_lock

LOCK = {
    "format": 1,
    "packages": {"torch": "2.13.0"},
    "recipe": {"files": {"a.toml": "sha256:0"}, "overrides": {}},
    "components": {"data": {"name": "x:y", "source": "sha256:1"}},
    "data": {"origin": "made"},
}


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("components", {"data": {"name": "x:y"}}, "the component 'data' lacks one of name, source"),
        ("components", {"data": "x:y"}, "the component 'data' lacks one of name, source"),
        ("components", {"data": {"name": 3, "source": "a"}}, "the component 'data' lacks one of name, source"),
        ("components", None, "it has no table 'components'"),
        ("recipe", {"files": {}}, "'recipe' has no table 'overrides'"),
        ("recipe", "a.toml", "it has no table 'recipe'"),
        ("packages", [1], "it has no table 'packages'"),
    ],
)
def test_a_lock_without_some_of_its_parts(part, value, told, tmp_path, capsys):
    """Seed 21, run-directory 229: `codaar lock` ended with an unexpected KeyError."""
    changed = {key: each for key, each in {**LOCK, part: value}.items() if each is not None}
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(changed))
    with pytest.raises(CodaarError, match=r"lock\.toml is no complete lock: " + told):
        read_lock(tmp_path)
    assert run_command(codaar, ["lock", str(tmp_path)], "codaar") == 1
    assert f"is no complete lock: {told}" in capsys.readouterr().err


def test_a_complete_lock(tmp_path):
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(LOCK))
    assert read_lock(tmp_path) == LOCK
