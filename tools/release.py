"""The gate that a release passes: ``python tools/release.py --check``.

It prints every problem with what to do, and ends with exit code 1 if there is one. ``--set VERSION`` writes a version
into every distribution and into CHANGELOG.md. .github/workflows/release.yml publishes what is tagged ``vVERSION``.
"""

from __future__ import annotations

import argparse
import datetime
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import archives
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

ROOT = archives.ROOT
VERSIONED = "codaar_core/__init__.py"  # core states its version to programs too
IN_PROJECT = re.compile(r'^(version = ")[^"]*(")$', re.MULTILINE)
IN_MODULE = re.compile(r'^(__version__ = ")[^"]*(")$', re.MULTILINE)
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)
UNRELEASED = "Unreleased"
CODAAR = ("-c", "from codaar_core.cli import main; main()")
GENERATORS = (
    ("docs/make_reference.py",),
    ("docs/make_api.py",),
    ("docs/make_fidelity.py",),
    (*CODAAR, "schema", "--results", "-O", "codaar_core/engine/results/results.schema.json"),
)


# Versions


def versions(root: Path) -> dict[str, str]:
    """The version of every distribution, by name, and the one that core states to programs."""
    found = {each["name"]: each["version"] for each in map(archives.project, archives.folders(root))}
    stated = IN_MODULE.search((root / VERSIONED).read_text("utf-8"))
    return found | {VERSIONED: stated[0].split('"')[1] if stated else "none"}


def version_problems(root: Path) -> Iterator[str]:
    """Distributions of different versions, and requirements that exclude the version they are released with."""
    found = versions(root)
    core = found["codaar-core"]
    for name, version in found.items():
        if version != core:
            yield f"{name} has version {version}, codaar-core {core}: python tools/release.py --set VERSION"
    for folder in archives.folders(root):
        for requirement in requirements(folder):
            if requirement.name in found and not requirement.specifier.contains(core, prereleases=True):
                yield f"{folder.relative_to(root)}/pyproject.toml requires {requirement}, which excludes {core}"


def requirements(folder: Path) -> list[Requirement]:
    """Everything that a distribution requires, extras included."""
    project = archives.project(folder)
    groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    return [Requirement(each) for group in groups for each in group]


def set_version(root: Path, version: str) -> None:
    """Write a version everywhere, and give the unreleased changes its heading."""
    for folder in archives.folders(root):
        replace(folder / "pyproject.toml", IN_PROJECT, version)
    replace(root / VERSIONED, IN_MODULE, version)
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    if version not in {each["version"] for each in HEADING.finditer(text)}:
        today = datetime.date.today().isoformat()
        new = f"## [{UNRELEASED}]\n\n## [{version}] - {today}"
        changelog.write_text(text.replace(f"## [{UNRELEASED}]", new, 1), "utf-8")


def replace(path: Path, pattern: re.Pattern[str], version: str) -> None:
    """Write the version into the one line that states it."""
    path.write_text(pattern.sub(rf"\g<1>{version}\g<2>", path.read_text("utf-8"), count=1), "utf-8")


# Gates


def changelog_problems(root: Path) -> Iterator[str]:
    """A version without a dated section, or a section without content."""
    version = versions(root)["codaar-core"]
    sections = HEADING.split((root / "CHANGELOG.md").read_text("utf-8"))[1:]  # version, date, text, version, ...
    dates = dict(zip(sections[::3], sections[1::3], strict=True))
    texts = dict(zip(sections[::3], sections[2::3], strict=True))
    if version not in dates:
        yield f"CHANGELOG.md has no section of {version}: python tools/release.py --set {version}"
    elif dates[version] is None:
        yield f"CHANGELOG.md has no date for {version}: write ## [{version}] - YYYY-MM-DD"
    elif not texts[version].strip():
        yield f"CHANGELOG.md says nothing about {version}"
    if version in texts and texts.get(UNRELEASED, "").strip():
        yield f"CHANGELOG.md has unreleased changes, which {version} would contain: move them to its section"


def tree_problems(root: Path) -> Iterator[str]:
    """Files that differ from the commit that would be tagged."""
    for line in output(root, "git", "status", "--porcelain").splitlines():
        yield f"{line[3:]} is not committed"


def registry_problems(root: Path) -> Iterator[str]:
    """An index of plug-ins that does not match the plug-ins."""
    from codaar_core.registry.index.maintenance import verify_index

    for finding in verify_index(root):
        if finding.state == "broken":
            yield f"registry/plugins.toml: {finding}"


def generated_problems(root: Path) -> Iterator[str]:
    """Pages that differ from what their scripts write; they are written again."""
    before = generated(root)
    for command in GENERATORS:
        output(root, sys.executable, *command)
    after = generated(root)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"{path} was not current and has been written again: commit it"


def generated(root: Path) -> dict[str, bytes]:
    """The contents of files that scripts write."""
    written = [*(root / "docs").glob("**/*.md"), root / "codaar_core" / "engine" / "results" / "results.schema.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in written}


def archive_problems(root: Path, keep: Path | None = None) -> Iterator[str]:
    """What is wrong inside wheels, or refused by twine; all distributions are built for it, and kept in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        output(root, sys.executable, archives.__file__, folder, *map(str, archives.folders(root)))
        yield from wheel_problems(built)
        yield from index_problems(built)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for path in published(built):
                shutil.copy(path, keep)


def wheel_problems(built: Path) -> Iterator[str]:
    """What is missing in wheels, and in the source archives that they are built from."""
    for wheel in sorted((built / archives.FROM_ARCHIVES).glob("*.whl")):
        inside = archives.contents(wheel)
        yield from (f"{wheel.name} {defect}" for defect in archives.defects(inside))
        if inside != archives.contents(built / archives.FROM_CHECKOUT / wheel.name):
            yield f"{wheel.name} differs when it is built from its source archive: a file is missing there"


def published(built: Path) -> list[Path]:
    """Source archives, and wheels built from them."""
    return sorted([*(built / archives.ARCHIVES).glob("*.tar.gz"), *(built / archives.FROM_ARCHIVES).glob("*.whl")])


def index_problems(built: Path) -> Iterator[str]:
    """What ``twine check --strict`` says about archives and wheels."""
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, published(built))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"twine check --strict: {done.stdout.strip()} {done.stderr.strip()}"


def output(root: Path, *command: str) -> str:
    """What a command prints.

    Raises:
        SystemExit: It fails.
    """
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


GATES: dict[str, Callable[[Path], Iterator[str]]] = {
    "one version everywhere": version_problems,
    "changelog": changelog_problems,
    "nothing uncommitted": tree_problems,
    "index of plug-ins": registry_problems,
    "generated pages": generated_problems,
}
ARCHIVED = "source archives and wheels"


def check(root: Path, keep: Path | None = None) -> int:
    """Print what each gate finds; gives the number of problems. What was built is kept in a folder, if one is given."""
    total = 0
    for name, gate in (GATES | {ARCHIVED: partial(archive_problems, keep=keep)}).items():
        problems = list(gate(root))
        print(f"{'no' if problems else 'ok':3} {name}", *(f"      {each}" for each in problems), sep="\n", flush=True)
        total += len(problems)
    return total


def main(arguments: list[str] | None = None) -> int:
    """Check, or write a version; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="say what stands in the way of a release")
    action.add_argument("--set", metavar="VERSION", help="write a version everywhere")
    parser.add_argument("--archives", type=Path, metavar="FOLDER", help="with --check: keep what was built in a folder")
    given = parser.parse_args(arguments)
    if given.check:
        total = check(ROOT, given.archives)
        print(f"{total} problems" if total else f"{versions(ROOT)['codaar-core']} can be released")
        return 1 if total else 0
    try:
        set_version(ROOT, str(Version(given.set)))
    except InvalidVersion as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
