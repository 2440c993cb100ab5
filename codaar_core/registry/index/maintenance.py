"""Keeping registry/plugins.toml: checked, in step with the plug-ins of the checkout, and easy to be listed in."""

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
# The index of known plug-ins: who provides which name, also when it is not installed. `codaar registry sync` writes
# what follows from the plug-ins in this repository, `codaar registry verify` checks it all.
"""
DERIVED = ("provider", "source", "licence", "core", "provides")
"""What a pyproject.toml says; the rest is written by hand."""


def verify_index(root: Path | str = ".") -> list[Finding]:
    """Check the index of a checkout; nothing is imported but jsonschema.

    Raises:
        CodaarError: There is no index, or jsonschema is not installed.
    """
    index = _read(Path(root))
    malformed = list(_malformed(Path(root), index))
    if malformed:
        return malformed
    listed = index["plugins"]
    return [
        *(finding for distribution, fields in listed.items() for finding in _misnamed(distribution, fields)),
        *_twice(listed),
        *_out_of_step(Path(root), listed),
    ]


def sync_index(root: Path | str = ".") -> Path:
    """Write what can be derived from the plug-ins of a checkout; what people wrote is kept.

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
    """The block of an installed plug-in, to be added to the index.

    Args:
        name: Its distribution, with or without "codaar-plugin-".

    Raises:
        CodaarError: No such plug-in is installed.
    """
    plugins = {plugin.distribution: plugin for plugin in installed_plugins()}
    plugin = plugins.get(canonicalize_name(name)) or plugins.get(PREFIX + canonicalize_name(name))
    if plugin is None:
        raise CodaarError(
            f"no plug-in {name!r} with components is installed", "`codaar list plugins` shows those that are"
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
        raise CodaarError(f"{_path(root)} cannot be read: {error}", "do this in the root of a checkout") from error


def _address(urls: list[str]) -> str:
    """The source repository among "Label, address" lines of metadata."""
    addresses = {label.strip().lower(): address.strip() for label, _, address in (url.partition(",") for url in urls)}
    known = [addresses[label] for label in ("source", "repository", "homepage") if label in addresses]
    return (known or ["https://..."])[0]


def _block(project: Project, source: str, before: Fields) -> dict[str, Any]:
    """The fields of a plug-in of the checkout: derived ones anew, the others as they were."""
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


def _malformed(root: Path, index: Fields) -> Iterator[Finding]:
    """What registry/schema.json says."""
    try:
        import jsonschema  # type: ignore[import-untyped]  # its stubs are another package
    except ImportError as error:
        raise CodaarError(
            "the index is checked by jsonschema, which is not installed", "pip install jsonschema"
        ) from error
    schema = json.loads((root / "registry" / "schema.json").read_text("utf-8"))
    for wrong in jsonschema.Draft4Validator(schema).iter_errors(index):
        place = ".".join(map(str, wrong.path)) or "the index"
        yield Finding("broken", f"{place}: {wrong.message}", "see registry/README.md")


def _misnamed(distribution: str, fields: Fields) -> Iterator[Finding]:
    if canonicalize_name(distribution) != distribution:
        yield Finding("broken", f"{distribution} is not normalised", f"write {canonicalize_name(distribution)}")
    if fields["provider"] != provider_of(distribution):
        yield Finding("broken", f"{distribution}.provider", f'write "{provider_of(distribution)}"')
    try:
        canonicalize_license_expression(fields["licence"])
    except InvalidLicenseExpression:
        yield Finding(
            "broken", f"{distribution}.licence {fields['licence']!r} is no SPDX expression", 'for example "MIT"'
        )
    try:
        SpecifierSet(fields["core"])
    except InvalidSpecifier:
        yield Finding("broken", f"{distribution}.core {fields['core']!r} is no version range", 'for example ">=0.1,<1"')


def _twice(listed: Mapping[str, Fields]) -> Iterator[Finding]:
    """Names that several plug-ins offer: allowed, and worth knowing."""
    count = Counter(name for fields in listed.values() for name in fields["provides"])
    for name, times in count.items():
        if times > 1:
            offering = [distribution for distribution, fields in listed.items() if name in fields["provides"]]
            yield Finding("note", f"{name} is offered by {' and '.join(offering)}")


def _out_of_step(root: Path, listed: Mapping[str, Fields]) -> Iterator[Finding]:
    """The plug-ins of the checkout against what is listed."""
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
            yield Finding("broken", f"{name}: there is no folder {fields['source']}", "remove it, or give an address")
