"""From entry points to components: listing reads package metadata only; a component is imported when it is used."""

from codaar_core.registry.entry import Entry
from codaar_core.registry.errors import LoadProblem, NameClash, NotInstalled, RegistryError, UnknownName
from codaar_core.registry.index.known_plugins import Known, known_plugins
from codaar_core.registry.installed import Installed, installed_plugins, unknown_groups
from codaar_core.registry.kinds import KINDS, Kind, kind_called
from codaar_core.registry.listing import Listed, list_components
from codaar_core.registry.registry import Registry
from codaar_core.registry.source.definition import summary
from codaar_core.registry.suggestion import closest, did_you_mean, join_or

__all__ = [
    "KINDS",
    "NameClash",
    "Entry",
    "Installed",
    "Kind",
    "Known",
    "Listed",
    "LoadProblem",
    "NotInstalled",
    "Registry",
    "RegistryError",
    "UnknownName",
    "closest",
    "did_you_mean",
    "installed_plugins",
    "join_or",
    "kind_called",
    "known_plugins",
    "list_components",
    "summary",
    "unknown_groups",
]
