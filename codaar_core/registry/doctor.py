"""Is what is installed fit for use? Every finding is one line with what to do."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import tomli

from codaar_core.registry.commands import offered_commands
from codaar_core.registry.entry import Entry
from codaar_core.registry.finding import Finding
from codaar_core.registry.index import known_plugins as index
from codaar_core.registry.index.pyproject import offered
from codaar_core.registry.installed import Installed, installed_plugins
from codaar_core.registry.kinds import KINDS
from codaar_core.registry.loading import cause
from codaar_core.registry.problems import LoadProblem
from codaar_core.registry.registry import Registry


def doctor(runs: Path | str = "runs") -> list[Finding]:
    """Look at Python, torch, every installed plug-in, and the folder of runs. This imports all components.

    Args:
        runs: Folder of run directories.
    """
    registry = Registry()
    return [
        Finding("good", f"python {platform.python_version()}"),
        torch_and_devices(),
        *(finding for plugin in installed_plugins() for finding in of_plugin(registry, plugin)),
        *commands(),
        *clashes(registry),
        writable(Path(runs)),
    ]


def torch_and_devices() -> Finding:
    """Whether torch can be imported, and what it can compute on."""
    try:
        import torch
    except Exception as error:
        return Finding("broken", f"torch: {cause(error)}", "pip install --force-reinstall torch")
    devices = [f"cuda:{number} {torch.cuda.get_device_name(number)}" for number in range(torch.cuda.device_count())]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return Finding("good", f"torch {torch.__version__} on {', '.join(['cpu', *devices, *apple])}")


def of_plugin(registry: Registry, plugin: Installed) -> Iterator[Finding]:
    """Whether a plug-in can be imported, and agrees with its own checkout and with the index."""
    yield loadable(registry, plugin)
    yield from stale(plugin)
    yield from unlike_index(plugin)


def loadable(registry: Registry, plugin: Installed) -> Finding:
    """Import every component of a plug-in; the first that fails is told."""
    for entry in all_entries(registry):
        if entry.distribution == plugin.distribution:
            try:
                registry.load(entry)
            except LoadProblem as problem:
                return Finding("broken", problem.message, problem.help)
    return Finding("good", f"{plugin.package}: {', '.join(plugin.provides)}")


def commands() -> Iterator[Finding]:
    """Whether the commands that packages add to ``codaar`` can be imported; some packages offer nothing else."""
    for name, point in offered_commands().items():
        distribution = point.dist.name if point.dist else point.value
        package = f"{distribution} {point.dist.version}" if point.dist else distribution
        try:
            point.load()
        except (Exception, SystemExit) as error:
            message = f"the command {name!r} could not be loaded from {package}: {cause(error)}"
            yield Finding("broken", message, f"pip install --upgrade {distribution}")
        else:
            yield Finding("good", f"{package}: command:{name}")


def stale(plugin: Installed) -> Iterator[Finding]:
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
        message = f"{plugin.package}: {folder / 'pyproject.toml'} has changed since, in {', '.join(changed)}"
        yield Finding("broken", message, f"pip install -e {folder}")


def editable_folder(distribution: str) -> Path | None:
    """The folder of an editable installation (PEP 610); None where it is none."""
    written = metadata.distribution(distribution).read_text("direct_url.json")
    installed = json.loads(written) if written else {}
    if not installed.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlparse(installed["url"]).path))


def unlike_index(plugin: Installed) -> Iterator[Finding]:
    """A plug-in that has other components than the index says."""
    listed = next((known for known in index.known_plugins() if known.distribution == plugin.distribution), None)
    differing = sorted(set(plugin.provides) ^ set(listed.provides)) if listed else []
    if differing:
        message = f"{plugin.package} and registry/plugins.toml disagree about {', '.join(differing)}"
        yield Finding("note", message, f"pip install --upgrade {plugin.distribution}, or `codaar registry sync`")


def clashes(registry: Registry) -> Iterator[Finding]:
    """Names that several packages have."""
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


def writable(folder: Path) -> Finding:
    """Whether run directories can be made."""
    existing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("good", f"{folder.absolute()} can be written")
    except OSError as error:
        return Finding("broken", f"{folder.absolute()} cannot be written: {error.strerror}", "choose run.directory")
