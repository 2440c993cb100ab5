"""Registry: finds and imports the component that a recipe names; each way to fail has its own error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from codaar_core.api.component import Component
from codaar_core.registry.entry import Entry, installed_entries
from codaar_core.registry.errors import NameClash, NotInstalled, UnknownName
from codaar_core.registry.index.known_plugins import Known, known_plugins, plugins_offering
from codaar_core.registry.kinds import KINDS
from codaar_core.registry.loading import load_installed, refuse_incompatible
from codaar_core.registry.local import LOCAL, load_file
from codaar_core.registry.source.settings_outline import outline
from codaar_core.registry.suggestion import did_you_mean, join_or


class Registry:
    """All components of the installed packages and of local files.

    Args:
        files: Python files of local components, which are imported.

    Raises:
        LoadProblem: A local file cannot be used.
    """

    def __init__(self, files: Sequence[Path | str] = ()) -> None:
        self._entries = installed_entries()
        self._local: dict[Entry, type[Component]] = {}
        for file in files:
            self.add_file(Path(file))

    def add_file(self, path: Path) -> None:
        """Add the components that a local file defines.

        Raises:
            LoadProblem: The file cannot be used.
        """
        self._local |= load_file(path)

    def entries(self, kind: str) -> list[Entry]:
        """All components of one kind; nothing is imported."""
        return [entry for entry in [*self._entries, *self._local] if entry.kind == kind]

    def find(self, kind: str, use: str) -> Entry:
        """Find the component of ``use = "[provider:]name"``; nothing is imported.

        Raises:
            NameClash: Several packages have a component of this name.
            NotInstalled: A plug-in of the index has it, but is not installed.
            UnknownName: No installed or known plug-in has it.
        """
        provider, _, name = use.rpartition(":")
        named = [entry for entry in self.entries(kind) if entry.name == name and provider in ("", entry.provider)]
        if not named:
            raise self._missing(kind, provider, name)
        if len(named) > 1:
            raise _clash(kind, use, named)
        return named[0]

    def load(self, entry: Entry) -> type[Component]:
        """Import a component.

        Raises:
            LoadProblem: It cannot be imported or does not fulfil its contract.
        """
        return self._local[entry] if entry in self._local else load_installed(entry)

    def outline(self, entry: Entry) -> type[Component]:
        """A stand-in class with the ``Config`` of a component, read from its source without importing it.

        The component itself is given if it is imported already, or if its settings cannot be read from the source.

        Raises:
            LoadProblem: The package requires another version of core, or the component must be imported and this fails.
        """
        if entry in self._local:
            return self._local[entry]
        refuse_incompatible(entry)
        imported = entry.target.partition(":")[0] in sys.modules
        return (None if imported else outline(entry)) or load_installed(entry)

    def _missing(self, kind: str, provider: str, name: str) -> UnknownName | NotInstalled:
        installed = {entry.distribution for entry in self._entries}
        offering = plugins_offering(kind, name, provider)
        if offering:
            return _not_installed(kind, name, offering, installed)
        use = f"{provider}:{name}" if provider else name
        return UnknownName(f"there is no {KINDS[kind].title} {use!r}", self._advice(kind, use, name))

    def _advice(self, kind: str, use: str, name: str) -> str:
        here = self.entries(kind)
        elsewhere = [entry.full_name for entry in here if entry.name == name]
        offered = _offered(kind)
        known = {entry.name for entry in here} | {entry.full_name for entry in here} | offered
        others = [KINDS[each].title for each in KINDS if self._offers(each, name)]
        total = len({entry.name for entry in here} | offered)
        listing = f"`codaar list {KINDS[kind].plural}` lists all {total}" if total else "none is installed"
        if elsewhere:
            return f"did you mean {join_or([repr(each) for each in elsewhere])}? {listing}"
        if others:
            return f"{name!r} is the name of {join_or([_a(title) for title in others])}; {listing}"
        return " ".join(filter(None, [did_you_mean(use, sorted(known)), listing]))

    def _offers(self, kind: str, name: str) -> bool:
        return any(entry.name == name for entry in self.entries(kind)) or name in _offered(kind)


def _offered(kind: str) -> set[str]:
    """Names of the components of a kind in the index."""
    pairs = [provided.partition(":") for plugin in known_plugins() for provided in plugin.provides]
    return {name for each, _, name in pairs if each == kind}


def _not_installed(kind: str, name: str, offering: list[Known], installed: set[str]) -> NotInstalled:
    outdated = [plugin.distribution for plugin in offering if plugin.distribution in installed]
    if outdated:
        message = f"the installed version of {outdated[0]} has no {KINDS[kind].title} {name!r}"
        return NotInstalled(message, f"pip install --upgrade {outdated[0]}")
    packages = [plugin.distribution for plugin in offering]
    which = "which is not installed" if len(packages) == 1 else "none of them installed"
    message = f"{KINDS[kind].title} {name!r} comes from {join_or(packages)}, {which}"
    return NotInstalled(message, " or ".join(f"pip install {package}" for package in packages), tuple(packages))


def _clash(kind: str, use: str, named: list[Entry]) -> NameClash:
    choices = join_or([f'"{entry.full_name}" ({entry.package})' for entry in named])
    title = KINDS[kind].title
    if len({entry.full_name for entry in named}) < len(named):
        places = " and ".join(entry.distribution for entry in named)
        return NameClash(
            f"{title} {use!r} is defined {len(named)} times: in {places}", "give one of them another `name`"
        )
    providers = "places" if any(entry.provider == LOCAL for entry in named) else "installed packages"
    return NameClash(f"{title} {use!r} is provided by {len(named)} {providers}", f"write {choices}")


def _a(title: str) -> str:
    return f"{'an' if title[0] in 'aeiou' else 'a'} {title}"
