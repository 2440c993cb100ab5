"""Every distribution states what an index shows, and its source archive builds the same wheel as the checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import archives
import pytest
import release
import tomli
from archives import wheel_of
from packaging.requirements import Requirement

from codaar_core.recipe import load

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = archives.folders()
WRITTEN = {folder: tomli.loads((folder / "pyproject.toml").read_text("utf-8")) for folder in FOLDERS}
PROJECTS = {written["project"]["name"]: folder for folder, written in WRITTEN.items()}
WITHOUT_MODULES = "codaar"  # recipes only


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Source archives of all distributions, wheels built from them, and wheels built from the checkout."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, archives.__file__, folder, *FOLDERS]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("distribution", PROJECTS)
def test_a_source_archive_builds_the_wheel_of_the_checkout(built, distribution):
    from_archive = wheel_of(distribution, built / archives.FROM_ARCHIVES)
    assert from_archive == wheel_of(distribution, built / archives.FROM_CHECKOUT)
    assert sum(name.endswith((".py", ".toml")) for name in from_archive) >= 2


@pytest.mark.parametrize("distribution", PROJECTS)
def test_a_wheel_has_its_licence_its_types_and_what_an_index_shows(built, distribution):
    assert list(archives.defects(wheel_of(distribution, built / archives.FROM_ARCHIVES))) == []


def test_an_index_accepts_every_archive_and_every_wheel(built):
    pytest.importorskip("twine")
    assert list(release.index_problems(built)) == []


def test_what_is_missing_in_a_wheel_is_named(tmp_path):
    """A distribution without licence, types, summary and text, and with a link that leads nowhere on an index."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "__init__.py").touch()
    (tmp_path / "README.md").write_text("# bare\n\n[more](../docs/more.md)\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "bare"\nversion = "1.0"\nreadme = "README.md"\n')
    archives.wheel(tmp_path, tmp_path / "dist")
    found = list(archives.defects(wheel_of("bare", tmp_path / "dist")))
    assert found == [
        "has not the licence of the repository: copy LICENSE into its folder",
        "has no py.typed in its package: type checkers ignore its types",
        *(f"does not state {name}: add it to [project] of its pyproject.toml" for name in archives.FIELDS),
        "has a README of less than 100 characters",
        "has a README with the link ../docs/more.md, which leads nowhere on an index: name the file, or write https://",
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_readme_can_be_shown_by_an_index(folder):
    readme = (folder / WRITTEN[folder]["project"]["readme"]).read_text("utf-8")
    assert list(archives.description_defects(readme)) == []


@pytest.mark.parametrize(
    ("distribution", "package", "recipes"),
    [
        ("codaar", "codaar_recipes", "recipes"),
        ("codaar-plugin-released", "codaar_plugin_released/recipes", "recipes/as-published"),
    ],
)
def test_recipes_travel_in_wheels(built, distribution, package, recipes):
    inside = wheel_of(distribution, built / archives.FROM_ARCHIVES)
    shipped = {
        name.removeprefix(f"{package}/"): text for name, text in inside.items() if name.startswith(package + "/")
    }
    files = [path for path in (ROOT / recipes).rglob("*") if path.is_file()]
    here = {path.relative_to(ROOT / recipes).as_posix(): path.read_bytes() for path in files}
    assert len(here) >= 2
    assert here == {name: content for name, content in shipped.items() if name.endswith(".toml")}


def test_the_source_archive_of_core_holds_core_alone(built):
    [archive] = (built / archives.ARCHIVES).glob("codaar_core-*.tar.gz")
    with tarfile.open(archive) as file:
        inside = {name.split("/")[1] for name in file.getnames()}
    assert inside - {"PKG-INFO", ".gitignore"} == {"LICENSE", "codaar_core", "pyproject.toml", "registry"}


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
    assert Requirement(inner).extras == project["optional-dependencies"].keys() - {"all"}
