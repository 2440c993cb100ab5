"""Throw-away virtual environments: what people do with pip, without touching the environment of the tests.

An environment sees every package that the tests see, except CoDAAR: that comes from wheels of this checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OFFLINE = ("--quiet", "--no-index", "--disable-pip-version-check")


def run(*command: object, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without the Python settings of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**kept, "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def succeed(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Refuse a command that failed."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done


class Environment:
    """A virtual environment in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        self.bin = folder / "bin"
        self.site = next((folder / "lib").glob("python*/site-packages"))
        (self.site / "third_party.pth").write_text(f"{_third_party(folder / 'third-party')}\n")

    def run(self, program: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment, in its own folder if nothing else is said."""
        path = os.pathsep.join([str(self.bin), os.environ.get("PATH", "")])
        return run(self.bin / program, *arguments, cwd=cwd or self.folder, PATH=path)

    def install(self, *packages: object) -> None:
        """Install wheels or folders, and nothing that they depend on."""
        succeed(self.run("python", "-m", "pip", "install", *OFFLINE, "--no-deps", "--no-build-isolation", *packages))

    def uninstall(self, distribution: str) -> None:
        """Remove a distribution."""
        succeed(self.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", distribution))


def _third_party(folder: Path) -> Path:
    """A folder of links to all that the tests have installed, except CoDAAR."""
    folder.mkdir()
    for site in (Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))):
        for each in site.iterdir():
            if "codaar" not in each.name and each.suffix != ".pth" and not (folder / each.name).exists():
                (folder / each.name).symlink_to(each)
    return folder


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of core, of every plug-in of this checkout and of codaar, by distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    plugins = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
    sources = [ROOT, ROOT / "distribution", *plugins]
    build = (sys.executable, "-m", "pip", "wheel", *OFFLINE, "--no-deps", "--no-build-isolation", "-w", folder)
    succeed(run(*build, *sources))
    return {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Core, all plug-ins and codaar, installed from wheels; a test that changes it puts everything back."""
    made = Environment(tmp_path_factory.mktemp("environment") / "venv")
    made.install(*wheels.values())
    return made
