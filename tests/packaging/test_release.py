"""tools/release.py: what stands in the way of a release is said, and one command writes a version everywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import archives
import pytest
import release

PROJECT = """\
[project]
name = "{name}"
version = "{version}"
description = "A description"
dependencies = ["codaar-core>=0.1,<1"]

[tool.other]
version = "untouched"
"""
CHANGES = """\
# Changes

## [Unreleased]

### Added

- A thing.
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A repository with three distributions of one version."""
    for folder, name in {".": "codaar-core", "distribution": "codaar", "plugins/one": "codaar-plugin-one"}.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(PROJECT.format(name=name, version="0.1.0"))
    (tmp_path / "codaar_core").mkdir()
    (tmp_path / "codaar_core" / "__init__.py").write_text('"""Core."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    return tmp_path


def test_all_distributions_have_one_version():
    assert list(release.version_problems(archives.ROOT)) == []


def test_another_version_is_named(checkout):
    (checkout / "plugins" / "one" / "pyproject.toml").write_text(
        PROJECT.format(name="codaar-plugin-one", version="0.2")
    )
    assert list(release.version_problems(checkout)) == [
        "codaar-plugin-one has version 0.2, codaar-core 0.1.0: python tools/release.py --set VERSION"
    ]


def test_a_version_is_written_everywhere(checkout):
    release.set_version(checkout, "0.2.0")
    assert set(release.versions(checkout).values()) == {"0.2.0"}
    assert 'version = "untouched"' in (checkout / "pyproject.toml").read_text()
    assert list(release.version_problems(checkout)) == []
    assert list(release.changelog_problems(checkout)) == []
    before = (checkout / "CHANGELOG.md").read_text()
    release.set_version(checkout, "0.2.0")
    assert (checkout / "CHANGELOG.md").read_text() == before


def test_requirements_that_exclude_the_version_are_named(checkout):
    release.set_version(checkout, "1.0.0")
    assert list(release.version_problems(checkout))[-1] == (
        "plugins/one/pyproject.toml requires codaar-core<1,>=0.1, which excludes 1.0.0"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CHANGES, "CHANGELOG.md has no section of 0.1.0: python tools/release.py --set 0.1.0"),
        ("## [Unreleased]\n\n## [0.1.0]\n\n- A thing.\n", "no date for 0.1.0: write ## [0.1.0] - YYYY-MM-DD"),
        ("## [Unreleased]\n\n## [0.1.0] - 2026-01-31\n", "CHANGELOG.md says nothing about 0.1.0"),
        ("## [Unreleased]\n\n- More.\n\n## [0.1.0] - 2026-01-31\n\n- A thing.\n", "has unreleased changes"),
    ],
)
def test_a_changelog_that_does_not_describe_the_version(checkout, text, problem):
    (checkout / "CHANGELOG.md").write_text(text)
    [found] = release.changelog_problems(checkout)
    assert problem in found


def test_the_changelog_of_this_repository_can_be_released(checkout):
    """Its headings are understood, and --set turns the unreleased changes into those of the version."""
    version = release.versions(archives.ROOT)["codaar-core"]
    (checkout / "CHANGELOG.md").write_text((archives.ROOT / "CHANGELOG.md").read_text("utf-8"))
    release.set_version(checkout, version)
    assert list(release.changelog_problems(checkout)) == []


def test_what_is_not_committed_is_named(checkout):
    git = ("git", "-C", str(checkout), "-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "First"], check=True)
    assert list(release.tree_problems(checkout)) == []
    (checkout / "new.txt").touch()
    assert list(release.tree_problems(checkout)) == ["new.txt is not committed"]


def test_pages_that_are_not_current_are_written_again(checkout, monkeypatch):
    (checkout / "docs").mkdir()
    (checkout / "docs" / "page.md").write_text("old")
    (checkout / "codaar_core" / "engine" / "results").mkdir(parents=True)
    (checkout / "codaar_core" / "engine" / "results" / "results.schema.json").write_text("{}")
    monkeypatch.setattr(release, "GENERATORS", (("-c", "open('docs/page.md', 'w').write('new')"),))
    [found] = release.generated_problems(checkout)
    assert found == "docs/page.md was not current and has been written again: commit it"
    assert list(release.generated_problems(checkout)) == []


def test_every_page_that_is_generated_is_written_by_the_gate():
    commands = {" ".join(command) for command in release.GENERATORS}
    for script in (archives.ROOT / "docs").glob("make_*.py"):
        if script.stem != "make_pictures":  # needs finished runs and a browser
            assert f"docs/{script.name}" in commands


def test_the_gate_prints_all_problems_and_its_exit_code_says_whether_there_are_any(checkout, monkeypatch, capsys):
    gates = {"good": lambda root: iter(()), "bad": lambda root: iter(["one is wrong", "two is wrong"])}
    monkeypatch.setattr(release, "ROOT", checkout)
    monkeypatch.setattr(release, "GATES", gates)
    monkeypatch.setattr(release, "archive_problems", lambda root, keep: iter(()))
    assert release.main(["--check"]) == 1
    last = "ok  source archives and wheels\n"
    found = "no  bad\n      one is wrong\n      two is wrong\n"
    assert capsys.readouterr().out == f"ok  good\n{found}{last}2 problems\n"
    monkeypatch.setattr(release, "GATES", {"good": gates["good"]})
    assert release.main(["--check"]) == 0
    assert capsys.readouterr().out == f"ok  good\n{last}0.1.0 can be released\n"


def test_what_is_no_version_is_refused(checkout, monkeypatch, capsys):
    monkeypatch.setattr(release, "ROOT", checkout)
    with pytest.raises(SystemExit) as ended:
        release.main(["--set", "next"])
    assert ended.value.code == 2
    assert "Invalid version: 'next'" in capsys.readouterr().err
    assert set(release.versions(checkout).values()) == {"0.1.0"}
