"""What is in the wheels of core and of the plug-ins."""

from __future__ import annotations

import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from codaar_core import __version__ as VERSION

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
DISTRIBUTIONS = ["codaar", "codaar-core", *(f"codaar-plugin-{name.replace('_', '-')}" for name in PLUGINS)]


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_distribution_has_a_wheel(wheels):
    assert sorted(wheels) == sorted(DISTRIBUTIONS)


def test_core_carries_all_its_files(wheels):
    here = (path for path in (ROOT / "codaar_core").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {path.relative_to(ROOT).as_posix() for path in here} <= names(wheels["codaar-core"])


def test_core_carries_the_index(wheels):
    inside = zipfile.ZipFile(wheels["codaar-core"]).read("codaar_core/registry/index/plugins.toml")
    assert inside == (ROOT / "registry" / "plugins.toml").read_bytes()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_wheel_holds_its_package_and_nothing_else(wheels, distribution):
    package = distribution.replace("-", "_")
    tops = {name.split("/")[0] for name in names(wheels[distribution])}
    assert tops == {"codaar_recipes" if package == "codaar" else package, f"{package}-{VERSION}.dist-info"}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_metadata_speak_for_themselves(wheels, distribution):
    package = distribution.replace("-", "_")
    fields = message_from_bytes(zipfile.ZipFile(wheels[distribution]).read(f"{package}-{VERSION}.dist-info/METADATA"))
    assert fields["License-Expression"] == "MIT"
    assert fields["Requires-Python"] == ">=3.10"
    assert fields["Summary"]
    assert len(fields.get_payload()) > 100
