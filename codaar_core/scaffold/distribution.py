"""The files of a new plug-in, and writing them."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from pathlib import Path
from string import Template

from codaar_core.api.errors import CodaarError
from codaar_core.registry import KINDS, Kind, join_or, kind_called
from codaar_core.registry.entry import CORE
from codaar_core.scaffold.names import Names, Refused, names_of

FILES = {
    "pyproject.toml": "distribution/pyproject.toml",
    "README.md": "distribution/README.md",
    "LICENSE": "distribution/LICENSE",
    ".gitignore": "distribution/gitignore",
    ".github/workflows/test.yml": "distribution/test.yml",
    ".github/workflows/publish.yml": "distribution/publish.yml",
    "$package/__init__.py": "distribution/package.py",
    "$package/$module.py": "components/$kind.py",
    "tests/test_conformance.py": "distribution/test_conformance.py",
    "recipes/base.toml": "recipes/base.toml",
    "recipes/demo.toml": "recipes/$kind.toml",
}
"""The files of a new plug-in, each with its template."""

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


def new_plugin(name: str, kind: str, into: Path | str = ".", checkout: str = "") -> Path:
    """Write a complete distribution ``codaar-plugin-NAME`` with one small component.

    Args:
        name: Name of the plug-in and of its component: lower case, words joined by hyphens.
        kind: Kind of the component, e.g. "alignment".
        into: Where the folder is created.
        checkout: Address of a CoDAAR repository from which the tests on GitHub install core; empty: PyPI.

    Returns:
        The folder of the distribution.

    Raises:
        Refused: The name is invalid or taken, the kind has no template, or the folder exists.
        CodaarError: The folder cannot be written.
    """
    names, found = names_of(name), _kind_with_template(kind)
    folder = Path(into) / names.distribution
    if folder.exists():
        raise Refused(f"{folder} already exists", "choose another name, or another place with --into")
    contents = render(names, found, checkout)
    _refuse_shadows(names, contents[f"{names.package}/{names.module}.py"])
    _write(folder, contents)
    return folder


def _kind_with_template(kind: str) -> Kind:
    found = kind_called(kind)
    if not _template(f"components/{found.name}.py").is_file():
        offered = [each for each in KINDS if _template(f"components/{each}.py").is_file()]
        raise Refused(f"there is no template for the kind {found.name!r}", f"use {join_or(offered)}")
    return found


def render(names: Names, kind: Kind, checkout: str = "") -> dict[str, str]:
    """The content of every file, by its path in the distribution."""
    values = {
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "module": names.module,
        "component": names.component,
        "kind": kind.name,
        "title": kind.title,
        "group": kind.group,
        "core": metadata.version(CORE),
        "checkout": checkout,
        "year": str(date.today().year),
    }
    return {_filled(path, values): _filled(_read(_filled(source, values)), values) for path, source in FILES.items()}


def _filled(template: str, values: Mapping[str, str]) -> str:
    return Template(template).substitute(values)


def _read(name: str) -> str:
    return _template(name).read_text("utf-8")


def _template(name: str) -> Path:
    return TEMPLATES / f"{name}.template"


def _refuse_shadows(names: Names, source: str) -> None:
    """Raise Refused if the name of the component is also the name of an import or class of its file."""
    if _bound(source).count(names.component) > 1:
        message = f"a class {names.component!r} would hide an import or class of the same name"
        raise Refused(message, f"use another name, e.g. {f'my-{names.name}'!r}")


def _bound(source: str) -> list[str]:
    """The names of all classes and imports of a file."""
    bound = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.ClassDef):
            bound.append(node.name)
    return bound


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write all files, or none if one cannot be written."""
    try:
        for path, content in contents.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, "utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise CodaarError(f"cannot write {folder}: {error.strerror}", "choose another folder with --into") from error
