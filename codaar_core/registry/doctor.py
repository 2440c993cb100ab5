"""Checks of the installation: Python, torch, plug-ins, commands and the runs folder."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import tomli

from codaar_core.registry.entry import Entry
from codaar_core.registry.errors import LoadProblem
from codaar_core.registry.finding import Finding
from codaar_core.registry.index import known_plugins as index
from codaar_core.registry.index.pyproject import offered
from codaar_core.registry.installed import Installed, installed_plugins, plugin_commands, unknown_groups
from codaar_core.registry.kinds import KINDS
from codaar_core.registry.loading import cause, prints_to_stderr
from codaar_core.registry.registry import Registry


def doctor(runs: Path | str = "runs", built_in: Collection[str] = ()) -> list[Finding]:
    """Check Python, torch, every installed plug-in and the runs folder. This imports all components.

    Args:
        runs: Folder of run directories.
        built_in: Names of the commands of ``codaar`` itself, which hide commands of packages with the same names.

    Returns:
        One finding per check, with advice where something is wrong.
    """
    registry = Registry()
    return [
        Finding("good", f"python {platform.python_version()}"),
        check_torch(),
        *(finding for plugin in installed_plugins() for finding in check_installed_plugin(registry, plugin)),
        *misspelt_groups(),
        *check_commands(built_in),
        *name_clashes(registry),
        check_writable(Path(runs)),
    ]


def check_torch() -> Finding:
    """Whether torch can be imported, and the devices it sees."""
    try:
        import torch
    except Exception as error:
        return Finding("broken", f"torch: {cause(error)}", "pip install --force-reinstall torch")
    devices = [f"cuda:{number} {torch.cuda.get_device_name(number)}" for number in range(torch.cuda.device_count())]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return Finding("good", f"torch {torch.__version__} on {', '.join(['cpu', *devices, *apple])}")


def check_installed_plugin(registry: Registry, plugin: Installed) -> Iterator[Finding]:
    """Whether a plug-in can be imported, and matches its pyproject.toml and the index."""
    yield check_imports(registry, plugin)
    yield from outdated_entry_points(plugin)
    yield from differences_from_index(plugin)


def check_imports(registry: Registry, plugin: Installed) -> Finding:
    """Import every component of a plug-in; the first failure is reported."""
    for entry in all_entries(registry):
        if entry.distribution == plugin.distribution:
            try:
                registry.load(entry)
            except LoadProblem as problem:
                return Finding("broken", problem.message, problem.help)
    return Finding("good", f"{plugin.package}: {', '.join(plugin.provides)}")


def misspelt_groups() -> Iterator[Finding]:
    """Entry-point groups of packages that nothing reads, so that their components are not found."""
    for group in unknown_groups():
        yield Finding("broken", f"{group.package} has the unknown entry-point group {group.name!r}", group.help)


def check_commands(built_in: Collection[str] = ()) -> Iterator[Finding]:
    """Whether the commands that packages add to ``codaar`` can be called and imported."""
    for name, point in plugin_commands().items():
        distribution = point.dist.name if point.dist else point.value
        package = f"{distribution} {point.dist.version}" if point.dist else distribution
        if name in built_in:
            message = f"the command {name!r} of {package} cannot be called: codaar has a command of this name"
            yield Finding("broken", message, f"rename it in the entry points of {distribution}")
            continue
        try:
            with prints_to_stderr():
                point.load()
        except (Exception, SystemExit) as error:
            message = f"the command {name!r} could not be loaded from {package}: {cause(error)}"
            yield Finding("broken", message, f"pip install --upgrade {distribution}")
        else:
            yield Finding("good", f"{package}: command:{name}")


def outdated_entry_points(plugin: Installed) -> Iterator[Finding]:
    """Entry points of an editable installation that differ from its pyproject.toml."""
    folder = editable_folder(plugin.distribution)
    if folder is None:
        return
    try:
        written = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"{plugin.package} is installed from {folder}, which cannot be read: {error}"
        yield Finding("broken", message, f"pip uninstall {plugin.distribution}")
        return
    changed = sorted(set(plugin.provides) ^ set(offered(written["project"])))
    if changed:
        message = f"{plugin.package} was installed before {folder / 'pyproject.toml'} changed: {', '.join(changed)}"
        yield Finding("broken", message, f"pip install -e {folder}")


def editable_folder(distribution: str) -> Path | None:
    """The folder of an editable installation (PEP 610); None for other installations."""
    written = metadata.distribution(distribution).read_text("direct_url.json")
    installed = json.loads(written) if written else {}
    if not installed.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlparse(installed["url"]).path))


def differences_from_index(plugin: Installed) -> Iterator[Finding]:
    """Components that either the plug-in or the index lacks."""
    listed = next((known for known in index.known_plugins() if known.distribution == plugin.distribution), None)
    differing = sorted(set(plugin.provides) ^ set(listed.provides)) if listed else []
    if differing:
        message = f"{plugin.package} and registry/plugins.toml disagree about {', '.join(differing)}"
        yield Finding("note", message, f"pip install --upgrade {plugin.distribution}, or `codaar registry sync`")


def name_clashes(registry: Registry) -> Iterator[Finding]:
    """Names of components that several packages provide."""
    by_name: dict[tuple[str, str], list[Entry]] = {}
    for entry in all_entries(registry):
        by_name.setdefault((entry.kind, entry.name), []).append(entry)
    for (kind, name), same in by_name.items():
        if len(same) > 1:
            packages = " and ".join(entry.package for entry in same)
            names = " or ".join(f'"{entry.full_name}"' for entry in same)
            yield Finding(
                "note", f"{KINDS[kind].title} {name!r} is provided by {packages}", f"write {names} in recipes"
            )


def all_entries(registry: Registry) -> list[Entry]:
    """The components of every kind."""
    return [entry for kind in KINDS for entry in registry.entries(kind)]


def check_writable(folder: Path) -> Finding:
    """Whether run directories can be created."""
    existing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("good", f"{folder.absolute()} can be written")
    except OSError as error:
        return Finding("broken", f"{folder.absolute()} cannot be written: {error.strerror}", "choose run.directory")
