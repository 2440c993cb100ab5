"""Source archives and wheels of all distributions, and what is wrong inside them.

``python tools/archives.py TO FOLDER...`` builds a source archive of each folder, a wheel from the unpacked archive, and
a wheel from the folder, without a network and without changing the folders.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import tomli

ROOT = Path(__file__).resolve().parents[1]
ARCHIVES, FROM_ARCHIVES, FROM_CHECKOUT = "archives", "from-archives", "from-checkout"
FIELDS = ("Author", "License-Expression", "License-File", "Project-URL", "Requires-Python", "Summary")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https://|#)([^)\s]+)\)")


def folders(root: Path = ROOT) -> list[Path]:
    """The folders of all distributions: core, codaar, and the plug-ins."""
    return [root, root / "distribution", *sorted(path.parent for path in (root / "plugins").glob("*/pyproject.toml"))]


def project(folder: Path) -> dict:
    """The table [project] of a distribution."""
    return tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]


# Building


def build(to: Path, sources: list[Path]) -> None:
    """Build source archives, wheels from the archives, and wheels from the folders."""
    from hatchling.builders.sdist import SdistBuilder

    for number, folder in enumerate(sources):
        [archive] = SdistBuilder(str(folder)).build(directory=str(to / ARCHIVES), versions=["standard"])
        unpacked = to / "unpacked" / str(number)
        with tarfile.open(archive) as file:
            file.extractall(unpacked)
        wheel(next(unpacked.iterdir()), to / FROM_ARCHIVES)
        wheel(folder, to / FROM_CHECKOUT)


def wheel(folder: Path, to: Path) -> None:
    """Build the wheel of a folder."""
    from hatchling.builders.wheel import WheelBuilder

    list(WheelBuilder(str(folder)).build(directory=str(to), versions=["standard"]))


def contents(path: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def wheel_of(distribution: str, folder: Path) -> dict[str, bytes]:
    """The files of the wheel of a distribution."""
    [path] = folder.glob(f"{distribution.replace('-', '_')}-[0-9]*.whl")
    return contents(path)


# Checking


def defects(inside: dict[str, bytes]) -> Iterator[str]:
    """What a package index, or somebody who installs the wheel, would miss."""
    yield from _licence_defects(inside)
    yield from _typing_defects(inside)
    [metadata] = [content for name, content in inside.items() if name.endswith(".dist-info/METADATA")]
    yield from _metadata_defects(message_from_bytes(metadata))


def _licence_defects(inside: dict[str, bytes]) -> Iterator[str]:
    licences = [content for name, content in inside.items() if name.endswith(".dist-info/licenses/LICENSE")]
    if licences != [(ROOT / "LICENSE").read_bytes()]:
        yield "has not the licence of the repository: copy LICENSE into its folder"


def _typing_defects(inside: dict[str, bytes]) -> Iterator[str]:
    modules = any(name.endswith(".py") for name in inside)
    if modules and not any(name.count("/") == 1 and name.endswith("/py.typed") for name in inside):
        yield "has no py.typed in its package: type checkers ignore its types"


def _metadata_defects(fields: Message) -> Iterator[str]:
    for name in FIELDS:
        if not fields[name]:
            yield f"does not state {name}: add it to [project] of its pyproject.toml"
    yield from description_defects(str(fields.get_payload()))


def description_defects(description: str) -> Iterator[str]:
    """What an index could not show of a README."""
    if len(description) < 100:
        yield "has a README of less than 100 characters"
    for target in LINK.findall(FENCED.sub("", description)):
        yield f"has a README with the link {target}, which leads nowhere on an index: name the file, or write https://"


if __name__ == "__main__":
    build(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
