"""CoDAAR installed from wheels, where the checkout is not seen; with something missing, broken, or there twice."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from environments import succeed

from codaar_core import __version__

pytestmark = pytest.mark.slow

VALIDATE = """
import sys, codaar_core
for path in sys.argv[1:]:
    problems = codaar_core.validate(path)
    assert not [each for each in problems if each.level == "error"], "\\n".join(map(str, problems))
"""

SMALL = (
    "run.epochs=1",
    "device.threads=1",
    "data.pretrain=16",
    "data.batch=8",
    "data.patches=8",
    "data.words=16",
    "data.classification=[20,20]",
    "data.localization=[10,10]",
    "data.retrieval=10",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.video.channels=[4,8]",
    "decoders.video.hidden=4",
    "evaluate.seeds=[1]",
)


@pytest.fixture
def folder(tmp_path, root) -> Path:
    """Recipes, and nothing else of the checkout."""
    shutil.copytree(root / "recipes", tmp_path / "recipes")
    return tmp_path


@contextmanager
def without(environment, wheels, distribution):
    """Uninstalled for a while."""
    environment.uninstall(distribution)
    try:
        yield
    finally:
        environment.install(wheels[distribution])


@contextmanager
def broken(file: Path):
    """A module that fails while it is imported, for a while."""
    content = file.read_text("utf-8")
    file.write_text("raise RuntimeError('broken on purpose')\n")
    try:
        yield
    finally:
        file.write_text(content)


def test_the_checkout_is_not_seen(environment, root):
    said = succeed(environment.run("python", "-c", "import sys, codaar_core; print(codaar_core.__file__, *sys.path)"))
    assert str(root) not in said.stdout
    assert said.stdout.startswith(str(environment.site))


def test_list(environment):
    said = succeed(environment.run("codaar", "list")).stdout
    assert "codebooks" in said and "not installed" not in said


def test_recipes_come_with_the_packages(environment, tmp_path):
    """From nothing to a valid recipe in an empty folder, by a copy and without one."""
    assert "avt.toml" in succeed(environment.run("codaar", "list", "recipes", cwd=tmp_path)).stdout
    (tmp_path / "mine.toml").write_text('extends = ["pkg:avt.toml"]\nrun.name = "mine"\n')
    succeed(environment.run("codaar", "validate", "mine.toml", cwd=tmp_path))
    succeed(environment.run("codaar", "init", cwd=tmp_path))
    succeed(environment.run("codaar", "validate", "recipes/avt.toml", cwd=tmp_path))


def test_every_recipe_is_good(environment, folder):
    recipes = sorted(path for path in folder.glob("recipes/**/*.toml") if path.parent.name != "methods")
    assert recipes
    succeed(environment.run("python", "-c", VALIDATE, *recipes, cwd=folder))


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(environment, wheels, folder):
    with without(environment, wheels, "codaar-plugin-csa"):
        listed = succeed(environment.run("codaar", "list", "plugins"))
        assert "pip install codaar-plugin-csa" in listed.stdout
        refused = environment.run("codaar", "validate", "recipes/avt.toml", cwd=folder)
        assert refused.returncode == 2
        assert "comes from codaar-plugin-csa, which is not installed" in refused.stderr
        assert "= help: pip install codaar-plugin-csa\n" in refused.stderr
        succeed(environment.run("codaar", "validate", "recipes/ablations/no-csa.toml", cwd=folder))


def test_a_broken_plugin_harms_nobody_who_does_not_use_it(environment, folder):
    with broken(environment.site / "codaar_plugin_cmcm" / "cmcm.py"):
        succeed(environment.run("codaar", "--help"))
        assert "cmcm" in succeed(environment.run("codaar", "list", "losses")).stdout
        succeed(environment.run("codaar", "validate", "recipes/ablations/no-cmcm.toml", cwd=folder))
        refused = environment.run("codaar", "validate", "recipes/avt.toml", cwd=folder)
        assert refused.returncode == 2
        assert (
            f"could not be loaded from codaar-plugin-cmcm {__version__}: RuntimeError: broken on purpose"
            in refused.stderr
        )
        named = environment.run("codaar", "doctor", cwd=folder)
        assert named.returncode == 1
        assert "codaar-plugin-cmcm" in named.stdout + named.stderr


def test_two_of_one_name(environment, folder):
    succeed(environment.run("codaar", "new-plugin", "other", "--kind", "alignment", cwd=folder))
    project = folder / "codaar-plugin-other" / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('\nother = "', '\ncsa = "'))
    environment.install(project.parent)
    try:
        refused = environment.run("codaar", "validate", "recipes/avt.toml", cwd=folder)
        assert refused.returncode == 2
        assert "provided by 2 installed packages" in refused.stderr
        assert (
            f'"csa:csa" (codaar-plugin-csa {__version__}) or "other:csa" (codaar-plugin-other 0.1.0)' in refused.stderr
        )
        for use in ("csa:csa", "other:csa"):
            chosen = ("validate", "recipes/avt.toml", "-o", f"align.csa.use={use}")
            succeed(environment.run("codaar", *chosen, cwd=folder))
    finally:
        environment.uninstall("codaar-plugin-other")


def test_the_way_of_the_readme_in_an_empty_folder(environment, tmp_path):
    """From the recipes that come with the packages to codes, atlas and search; only the sizes are smaller."""

    def codaar(*arguments: object) -> str:
        return succeed(environment.run("codaar", *arguments, cwd=tmp_path)).stdout

    codaar("init")
    codaar("run", "recipes/avt.toml", *(word for setting in SMALL for word in ("-o", setting)))
    (run,) = tmp_path.glob("runs/avt/*")
    assert "avt" in codaar("list", "runs") and (run / "report.html").is_file()
    codaar("encode", run, "--to", "clips.h5")
    codaar("atlas", run)
    assert (run / "atlas.html").is_file()
    found = codaar("search", run, "clips.h5", "7", "--from", "audio", "--in", "video", "--top", "3")
    assert [line.split()[:4] for line in found.splitlines()[1:]] == [["7", "audio", "video", rank] for rank in "123"]
