"""Lock files: comparison, reading, and the git commit recorded in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import CodaarError
from codaar_core.engine.record.git_commit import commit_of
from codaar_core.engine.record.lock_comparison import LockMismatch, compare, read_lock, refuse_mismatch

LOCK = {
    "format": 1,
    "python": "3.11.7",
    "packages": {"codaar-core": "0.1.0", "torch": "2.13.0"},
    "recipe": {"files": {"a.toml": "sha256:" + "0" * 64}, "overrides": {"run.seed": "3"}},
    "components": {"data": {"name": "x:y", "source": "sha256:" + "1" * 64}},
    "data": {"origin": "made"},
    "machine": {"device": "cpu"},
}
laws = settings(deadline=None, max_examples=25)


def changed(path: str, value: object) -> dict:
    """Return the lock with another value; None removes it."""
    first, _, rest = path.partition("/")

    def put(tree: dict, keys: list[str]) -> dict:
        key, *more = keys
        if more:
            return {**tree, key: put(tree.get(key, {}), more)}
        return {k: v for k, v in {**tree, key: value}.items() if v is not None}

    return put(LOCK, [first, *(rest.split("/") if rest else [])])


def test_lock_equals_itself():
    assert list(compare(LOCK, LOCK)) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("packages/torch", "2.14.0", "packages.torch: 2.13.0 -> 2.14.0"),
        ("packages/new", "1", "packages.new: nothing -> 1"),
        ("packages/torch", None, "packages.torch: 2.13.0 -> nothing"),
        (
            "recipe/files/a.toml",
            "sha256:" + "2" * 64,
            "recipe.files.a.toml: sha256:000000000000 -> sha256:222222222222",
        ),
        ("recipe/overrides/run.seed", "4", "recipe.overrides.run.seed: 3 -> 4"),
        (
            "components/data/source",
            "sha256:" + "2" * 64,
            "components.data.source: sha256:111111111111 -> sha256:222222222222",
        ),
        ("data/origin", "found", "data.origin: made -> found"),
    ],
)
def test_one_difference(path, value, said):
    assert list(compare(LOCK, changed(path, value))) == [said]


@pytest.mark.parametrize("path", ["python", "machine/device", "git/commit"])
def test_python_machine_and_commit_are_not_compared(path):
    assert list(compare(LOCK, changed(path, "other"))) == []


packages = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2"]))


@laws
@given(before=packages, now=packages)
def test_every_difference_is_listed_once(before, now):
    lines = list(compare({**LOCK, "packages": before}, {**LOCK, "packages": now}))
    assert len(lines) == sum(before.get(name) != now.get(name) for name in before.keys() | now.keys())


def test_mismatch_lists_all_differences_and_has_its_own_exit_code(tmp_path):
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(LOCK))
    refuse_mismatch(LOCK, tmp_path)
    with pytest.raises(LockMismatch) as caught:
        refuse_mismatch({**changed("packages/torch", "2.14.0"), "data": {"origin": "found"}}, tmp_path)
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"2 things differ from {tmp_path / 'lock.toml'}; nothing was run\n"
        "   |  packages.torch: 2.13.0 -> 2.14.0\n"
        "   |  data.origin: made -> found\n"
        "   = help: install the versions that the lock states, or run without --locked"
    )


@pytest.mark.parametrize("content", [None, "no TOML", "format = 2"])
def test_unreadable_lock_is_refused(tmp_path, content):
    if content:
        (tmp_path / "lock.toml").write_text(content)
    with pytest.raises(CodaarError, match=r"lock\.toml"):
        read_lock(tmp_path)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_commit_of_a_checkout(tmp_path):
    assert commit_of(tmp_path / "a.toml") == {}
    git(tmp_path, "init")
    (tmp_path / "a.toml").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert commit_of(tmp_path / "a.toml") == {"commit": commit, "dirty": False}
    (tmp_path / "a.toml").write_text("2")
    assert commit_of(tmp_path / "a.toml") == {"commit": commit, "dirty": True}
