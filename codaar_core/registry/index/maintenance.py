"""Maintenance of registry/plugins.toml: checks, updates from the plug-ins of the checkout, entries of new plug-ins."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli
import tomli_w
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from codaar_core.api.errors import CodaarError
from codaar_core.registry.entry import PREFIX, provider_of
from codaar_core.registry.finding import Finding
from codaar_core.registry.index.known_plugins import FORMAT
from codaar_core.registry.index.pyproject import Project, offered, projects, versions_of_core
from codaar_core.registry.installed import installed_plugins

Fields = Mapping[str, Any]

HEADING = """\
# The index of known plug-ins: which plug-in provides which component. `codaar registry sync` updates the entries of the
# plug-ins in this repository, `codaar registry verify` checks all entries.
"""
DERIVED = ("provider", "source", "licence", "core", "provides")
"""Fields that follow from pyproject.toml; the others are written by hand."""


def verify_index(root: Path | str = ".") -> list[Finding]:
    """Check the index of a checkout against its schema and against the plug-ins of the checkout.

    Raises:
        CodaarError: There is no index, or jsonschema is not installed.
    """
    index = _read(Path(root))
    schema_errors = list(_schema_errors(Path(root), index))
    if schema_errors:
        return schema_errors
    listed = index["plugins"]
    return [
        *(finding for distribution, fields in listed.items() for finding in _invalid_fields(distribution, fields)),
        *_duplicate_names(listed),
        *_differences_from_checkout(Path(root), listed),
    ]


def sync_index(root: Path | str = ".") -> Path:
    """Update the index from the plug-ins of a checkout; fields written by hand are kept.

    Returns:
        The path of the index.

    Raises:
        CodaarError: There is no index.
    """
    folder = Path(root)
    listed = dict(_read(folder)["plugins"])
    for plugin, project in projects(folder):
        before = listed.get(project["name"], {})
        listed[project["name"]] = _block(project, plugin.relative_to(folder).as_posix(), before)
    path = _path(folder)
    path.write_text(f"{HEADING}{tomli_w.dumps({'format': FORMAT, 'plugins': dict(sorted(listed.items()))})}", "utf-8")
    return path


def index_entry(name: str) -> str:
    """The TOML entry of an installed plug-in, to be added to the index.

    Args:
        name: Its distribution, with or without "codaar-plugin-".

    Raises:
        CodaarError: No such plug-in is installed.
    """
    plugins = {plugin.distribution: plugin for plugin in installed_plugins()}
    plugin = plugins.get(canonicalize_name(name)) or plugins.get(PREFIX + canonicalize_name(name))
    if plugin is None:
        raise CodaarError(
            f"no plug-in {name!r} with components is installed", "`codaar list plugins` lists the installed ones"
        )
    about = metadata.metadata(plugin.distribution)
    block = {
        "provider": provider_of(plugin.distribution),
        "summary": about["Summary"] or "",
        "status": "community",
        "source": _address(about.get_all("Project-URL") or []),
        "licence": about["License-Expression"] or about["License"] or "",
        "core": versions_of_core(metadata.requires(plugin.distribution) or []),
        "provides": list(plugin.provides),
    }
    return tomli_w.dumps({"plugins": {plugin.distribution: block}})


def _path(root: Path) -> Path:
    return root / "registry" / "plugins.toml"


def _read(root: Path) -> dict[str, Any]:
    try:
        return tomli.loads(_path(root).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CodaarError(f"{_path(root)} cannot be read: {error}", "run this in the root of a checkout") from error


def _address(urls: list[str]) -> str:
    """The source repository among the "Label, address" lines of package metadata."""
    addresses = {label.strip().lower(): address.strip() for label, _, address in (url.partition(",") for url in urls)}
    known = [addresses[label] for label in ("source", "repository", "homepage") if label in addresses]
    return (known or ["https://..."])[0]


def _block(project: Project, source: str, before: Fields) -> dict[str, Any]:
    """The fields of a plug-in of the checkout: derived fields are computed, the others are kept."""
    written = {
        "provider": provider_of(project["name"]),
        "summary": before.get("summary", project.get("description", "")),
        "status": before.get("status", "official"),
        "source": source,
        "licence": project["license"],
        "core": versions_of_core(project["dependencies"]),
        "provides": offered(project),
    }
    return {**written, **{key: value for key, value in before.items() if key not in written}}


# Checks


def _schema_errors(root: Path, index: Fields) -> Iterator[Finding]:
    """Violations of registry/schema.json."""
    try:
        import jsonschema  # type: ignore[import-untyped]  # its stubs are another package
    except ImportError as error:
        raise CodaarError(
            "checking the index needs jsonschema, which is not installed", "pip install jsonschema"
        ) from error
    schema = json.loads((root / "registry" / "schema.json").read_text("utf-8"))
    for wrong in jsonschema.Draft4Validator(schema).iter_errors(index):
        place = ".".join(map(str, wrong.path)) or "the index"
        yield Finding("broken", f"{place}: {wrong.message}", "see registry/README.md")


def _invalid_fields(distribution: str, fields: Fields) -> Iterator[Finding]:
    if canonicalize_name(distribution) != distribution:
        yield Finding("broken", f"{distribution} is not normalised", f"write {canonicalize_name(distribution)}")
    if fields["provider"] != provider_of(distribution):
        yield Finding(
            "broken",
            f"{distribution}.provider {fields['provider']!r} is not its provider",
            f'write "{provider_of(distribution)}"',
        )
    try:
        canonicalize_license_expression(fields["licence"])
    except InvalidLicenseExpression:
        yield Finding(
            "broken", f"{distribution}.licence {fields['licence']!r} is not an SPDX expression", 'for example "MIT"'
        )
    try:
        SpecifierSet(fields["core"])
    except InvalidSpecifier:
        yield Finding(
            "broken", f"{distribution}.core {fields['core']!r} is not a version range", 'for example ">=0.1,<1"'
        )


def _duplicate_names(listed: Mapping[str, Fields]) -> Iterator[Finding]:
    """Names that several plug-ins provide, which is allowed: a recipe then writes ``provider:name``."""
    count = Counter(name for fields in listed.values() for name in fields["provides"])
    for name, times in count.items():
        if times > 1:
            offering = [distribution for distribution, fields in listed.items() if name in fields["provides"]]
            yield Finding("note", f"{name} is provided by {' and '.join(offering)}")


def _differences_from_checkout(root: Path, listed: Mapping[str, Fields]) -> Iterator[Finding]:
    """Plug-ins of the checkout that the index lacks, or describes differently; entries without a folder."""
    for folder, project in projects(root):
        name, source = project["name"], folder.relative_to(root).as_posix()
        if name not in listed:
            yield Finding("broken", f"{name} ({source}) is not listed", "codaar registry sync")
            continue
        block = _block(project, source, listed[name])
        differing = [key for key in DERIVED if listed[name][key] != block[key]]
        if differing:
            yield Finding(
                "broken", f"{name}: {', '.join(differing)} differ from {source}/pyproject.toml", "codaar registry sync"
            )
    for name, fields in listed.items():
        if fields["source"].startswith("plugins/") and not (root / fields["source"]).is_dir():
            yield Finding(
                "broken",
                f"{name}: there is no folder {fields['source']}",
                "remove the entry, or give an address",
            )
