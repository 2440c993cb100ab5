"""Workflows of this repository and of the scaffold are valid; Dockerfile and devcontainer name what exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

from codaar_core import new_plugin

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def scaffolded(tmp_path_factory) -> list[Path]:
    """The workflows of a new plug-in."""
    folder = tmp_path_factory.mktemp("scaffold")
    return sorted(new_plugin("first", "loss", folder).glob(".github/workflows/*.yml"))


def checked(program: str, *arguments: object) -> None:
    """Run a checker of workflows that is installed, or skip."""
    path = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_follow_their_schema(scaffolded):
    assert len(OWN) == 3 and len(scaffolded) == 2
    checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *OWN, *scaffolded)


def test_actionlint_finds_nothing(scaffolded):
    """Expressions, outputs of steps, permissions. Its package downloads a binary: it is installed by the forge only."""
    checked("actionlint", *OWN, *scaffolded)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_jobs_end_and_have_only_the_rights_that_they_need(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
    writing = [name for name, job in workflow["jobs"].items() if "write" in job.get("permissions", {}).values()]
    assert writing == ([] if path.stem == "tests" else ["publish"])
    assert "secrets." not in path.read_text("utf-8")


def test_every_stated_version_of_python_is_tested():
    project = tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    stated = [name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r":: 3\.\d+$", name)]
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))["jobs"]["linux"][
        "strategy"
    ]
    assert matrix["matrix"]["python"] == stated
    assert [each["python"] for each in matrix["matrix"]["include"]] == ["3.14"]


def test_files_and_commands_of_workflows_exist():
    text = "\n".join(path.read_text("utf-8") for path in OWN)
    named = set(re.findall(r"(?<![\w.])((?:tests|tools|recipes)/[\w/.]+|requirements\.txt|mkdocs)", text)) - {"mkdocs"}
    assert {"tools/release.py", "tools/lowest_versions.sh", "requirements.txt"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_devcontainer_builds_the_dockerfile():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    file = (ROOT / ".devcontainer" / settings["build"]["dockerfile"]).resolve()
    assert file == ROOT / "Dockerfile"
    assert (ROOT / ".devcontainer" / settings["build"]["context"]).resolve() == ROOT
    stages = re.findall(r"^FROM \S+ AS (\w+)$", file.read_text("utf-8"), re.MULTILINE)
    assert settings["build"]["target"] in stages
    arguments = re.findall(r"^ARG (\w+)", file.read_text("utf-8"), re.MULTILINE)
    assert set(settings["build"]["args"]) <= set(arguments)


def test_what_the_dockerfile_copies_exists_and_is_sent():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in [word for word in line.split()[:-1] if not word.startswith("--")]:
            assert (ROOT / source).exists(), source
            assert source not in ignored
