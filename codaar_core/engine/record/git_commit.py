"""Reads the git commit of the checkout that contains a file."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(path: Path) -> dict[str, str | bool]:
    """Return ``commit`` and ``dirty`` (uncommitted changes exist) of a file's checkout; empty if it is in none."""
    try:
        commit = _git(path.parent, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(path.parent, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=10).stdout.strip()
