"""Package: what the metadata and the source files of an installed distribution say."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, ClassVar

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codaar_core.api.errors import CodaarError
from codaar_core.registry import Entry, closest, installed_plugins
from codaar_core.registry.entry import PREFIX, installed_entries, provider_of

UNKNOWN = ("", "UNKNOWN")


@attrs.frozen
class Package:
    """An installed distribution that offers components; the subject of the checks of a package."""

    kind: ClassVar[str] = "package"

    distribution: str  # as its metadata spell it
    requires: tuple[Requirement, ...]
    licence: str
    readme: str
    entries: tuple[Entry, ...]
    sources: tuple[Path, ...]  # all Python files of its import packages
    expected_failures: Mapping[str, str] = {}  # reasons by check, from the top package's attribute of that name
    configuration: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """The provider: the distribution without its prefix."""
        return provider_of(canonicalize_name(self.distribution))


def installed_package(distribution: str) -> Package:
    """Look a distribution up, by its name or by that of its provider.

    Raises:
        CodaarError: No such distribution offers components.
    """
    wanted = {canonicalize_name(distribution), PREFIX + canonicalize_name(distribution)}
    entries = tuple(entry for entry in installed_entries() if entry.distribution in wanted)
    if not entries:
        raise _not_installed(distribution)
    found = metadata.distribution(entries[0].distribution)
    return Package(
        distribution=found.metadata["Name"],
        requires=tuple(map(Requirement, found.requires or ())),
        licence=_licence(found.metadata),
        readme=_readme(found.metadata),
        entries=entries,
        sources=tuple(path for name in import_names(entries) for path in _files(name)),
        expected_failures={k: v for name in import_names(entries) for k, v in _expected_failures(name).items()},
    )


def import_names(entries: tuple[Entry, ...]) -> list[str]:
    """The top packages that components live in."""
    return sorted({entry.target.partition(":")[0].partition(".")[0] for entry in entries})


def _licence(fields: Any) -> str:
    fields_given = [fields.get("License-Expression"), fields.get("License"), *fields.get_all("Classifier", [])]
    licences = [each for each in fields_given[:2] if each and each not in UNKNOWN]
    return (licences or [each for each in fields_given[2:] if each.startswith("License ::")] or [""])[0]


def _readme(fields: Any) -> str:
    written = fields.get("Description") or fields.get_payload()
    return written.strip() if isinstance(written, str) else ""


def _files(name: str) -> list[Path]:
    found = PathFinder.find_spec(name)
    if found is None:
        return []
    folders = [Path(folder) for folder in found.submodule_search_locations or []]
    return sorted(path for folder in folders for path in folder.rglob("*.py")) or [Path(str(found.origin))]


def _expected_failures(name: str) -> Mapping[str, str]:
    """What the top package declares; nothing where it cannot be imported: ``light-import`` reports that."""
    try:
        module = import_module(name)
    except Exception:
        return {}
    declared: Mapping[str, str] = getattr(module, "expected_failures", {})
    return declared


def _not_installed(distribution: str) -> CodaarError:
    known = [plugin.distribution for plugin in installed_plugins()]
    near = closest(distribution, known) or closest(PREFIX + distribution, known)
    install = f"pip install {distribution} (in its own folder: pip install -e .)"
    help = f"did you mean {near[0]!r}? otherwise: {install}" if near else install
    return CodaarError(f"no installed distribution {distribution!r} offers components", help)
