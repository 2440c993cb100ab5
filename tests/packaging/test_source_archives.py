"""Every distribution states what an index shows, and its source archive builds the same wheel as the checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

from codaar_core.recipe import load

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT, ROOT / "distribution", *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]
WRITTEN = {folder: tomli.loads((folder / "pyproject.toml").read_text("utf-8")) for folder in FOLDERS}
PROJECTS = {written["project"]["name"]: folder for folder, written in WRITTEN.items()}
WITHOUT_MODULES = "codaar"  # recipes only

BUILD = """
import sys, tarfile
from pathlib import Path
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

def wheel(folder, to):
    list(WheelBuilder(str(folder)).build(directory=str(to), versions=["standard"]))

to, *folders = map(Path, sys.argv[1:])
for number, folder in enumerate(folders):
    [archive] = SdistBuilder(str(folder)).build(directory=str(to / "archives"), versions=["standard"])
    unpacked = to / "unpacked" / str(number)
    with tarfile.open(archive) as file:
        file.extractall(unpacked)
    wheel(next(unpacked.iterdir()), to / "from-archives")
    wheel(folder, to / "from-checkout")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Source archives of all distributions, wheels built from them, and wheels built from the checkout."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-c", BUILD, folder, *FOLDERS]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def wheel_of(distribution: str, folder: Path) -> dict[str, bytes]:
    [wheel] = folder.glob(f"{distribution.replace('-', '_')}-[0-9]*.whl")
    return contents(wheel)


@pytest.mark.parametrize("distribution", PROJECTS)
def test_a_source_archive_builds_the_wheel_of_the_checkout(built, distribution):
    from_archive = wheel_of(distribution, built / "from-archives")
    assert from_archive == wheel_of(distribution, built / "from-checkout")
    assert sum(name.endswith((".py", ".toml")) for name in from_archive) >= 2


@pytest.mark.parametrize("distribution", PROJECTS)
def test_a_wheel_has_its_licence_and_says_that_it_is_typed(built, distribution):
    inside = wheel_of(distribution, built / "from-archives")
    [licence] = [content for name, content in inside.items() if name.endswith(".dist-info/licenses/LICENSE")]
    assert licence == (ROOT / "LICENSE").read_bytes()
    typed = [name for name in inside if name.count("/") == 1 and name.endswith("/py.typed")]
    assert len(typed) == (distribution != WITHOUT_MODULES)
    [metadata] = [content for name, content in inside.items() if name.endswith(".dist-info/METADATA")]
    fields = message_from_bytes(metadata)
    assert fields["License-File"] == "LICENSE"
    assert fields["Author"] == "The CoDAAR contributors"


@pytest.mark.parametrize(
    ("distribution", "package", "recipes"),
    [
        ("codaar", "codaar_recipes", "recipes"),
        ("codaar-plugin-released", "codaar_plugin_released/recipes", "recipes/as-published"),
    ],
)
def test_recipes_travel_in_wheels(built, distribution, package, recipes):
    inside = wheel_of(distribution, built / "from-archives")
    shipped = {
        name.removeprefix(f"{package}/"): text for name, text in inside.items() if name.startswith(package + "/")
    }
    files = [path for path in (ROOT / recipes).rglob("*") if path.is_file()]
    here = {path.relative_to(ROOT / recipes).as_posix(): path.read_bytes() for path in files}
    assert len(here) >= 2
    assert here == {name: content for name, content in shipped.items() if name.endswith(".toml")}


def test_the_source_archive_of_core_holds_core_alone(built):
    [archive] = (built / "archives").glob("codaar_core-*.tar.gz")
    with tarfile.open(archive) as file:
        inside = {name.split("/")[1] for name in file.getnames()}
    assert inside - {"PKG-INFO", ".gitignore"} == {"LICENSE", "README.md", "codaar_core", "pyproject.toml", "registry"}


@pytest.mark.parametrize("distribution", PROJECTS)
def test_a_project_states_what_an_index_shows(distribution):
    folder = PROJECTS[distribution]
    project = WRITTEN[folder]["project"]
    core = WRITTEN[ROOT]["project"]
    for key in ("version", "license", "license-files", "authors", "requires-python"):
        assert project[key] == core[key]
    assert project["urls"]["Paper"] == core["urls"]["Paper"]
    untyped = [name for name in core["classifiers"] if name != "Typing :: Typed"]
    assert project["classifiers"] == (untyped if distribution == WITHOUT_MODULES else core["classifiers"])
    assert (folder / project["readme"]).is_file()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_wheel_takes_no_file_from_outside_its_folder(folder):
    """A path above the folder is not there in an unpacked source archive: a build hook has to look for both."""
    targets = WRITTEN[folder].get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {})
    forced = [path for target in targets.values() for path in target.get("force-include", {})]
    assert [path for path in forced if ".." in Path(path).parts] == []


def test_codaar_brings_what_the_main_recipe_needs():
    project = WRITTEN[ROOT / "distribution"]["project"]
    brought = {Requirement(each).name for each in project["dependencies"]}
    assert {block.entry.distribution for block in load(ROOT / "recipes" / "avt.toml").blocks()} <= brought


def test_codaar_with_all_extras_brings_every_distribution():
    project = WRITTEN[ROOT / "distribution"]["project"]
    listed = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    assert {Requirement(each).name for each in listed} == set(PROJECTS)
    [inner] = [each for each in project["optional-dependencies"]["all"] if each.startswith("codaar[")]
    assert Requirement(inner).extras == {"media", "paper"}
