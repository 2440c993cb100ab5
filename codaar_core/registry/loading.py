"""Importing a component: every failure becomes a LoadProblem that names the package of the component."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module, metadata
from typing import Any

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from codaar_core.api.component import Component
from codaar_core.registry.entry import CORE, Entry
from codaar_core.registry.errors import Incompatible, LoadProblem
from codaar_core.registry.kinds import KINDS, Kind


def load_installed(entry: Entry) -> type[Component]:
    """Import a component of an installed distribution and check that it fulfils its contract.

    Raises:
        Incompatible: The package requires another version of core.
        LoadProblem: The import fails, or the target is not a component of this kind.
    """
    refuse_incompatible(entry)
    return check_contract(entry, import_target(entry))


def refuse_incompatible(entry: Entry) -> None:
    """Compare the installed core with the requirement of the distribution; nothing is imported.

    Raises:
        Incompatible: The distribution requires another version.
    """
    here = metadata.version(CORE)
    for requirement in _requirements_on_core(entry.distribution):
        if not requirement.specifier.contains(here, prereleases=True):
            raise Incompatible(
                f"{entry.package} needs {CORE} {requirement.specifier}, this is {here}; it was not imported",
                f"pip install --upgrade {entry.distribution} {CORE}",
            )


def _requirements_on_core(distribution: str) -> list[Requirement]:
    requirements = []
    for line in metadata.requires(distribution) or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if canonicalize_name(requirement.name) == CORE and applies:
            requirements.append(requirement)
    return requirements


def import_target(entry: Entry) -> object:
    """Import ``module:Class``.

    Raises:
        LoadProblem: The import raised any exception, or ``SystemExit``.
    """
    module, _, attribute = entry.target.partition(":")
    try:
        with prints_to_stderr():
            return getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise LoadProblem(f"{_cannot(entry)}: {cause(error)}", _remedy(entry, error)) from error


def prints_to_stderr() -> redirect_stdout:
    """A context in which ``print`` writes to stderr: stdout is the output of the command that imports a plug-in."""
    return redirect_stdout(sys.stderr)


def cause(error: BaseException) -> str:
    """An exception with the file and line where it was raised, on one line."""
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return summary
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    last = frames[-1] if frames else None
    return f"{summary} ({last.filename}:{last.lineno})" if last and last.filename != __file__ else summary


def _remedy(entry: Entry, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"`pip install {entry.distribution}` installs what it depends on; `pip check` shows what is missing"
    return f"this is an error in {entry.distribution}; `pip install --upgrade {entry.distribution}` may fix it"


def check_contract(entry: Entry, component: Any) -> type[Component]:
    """Return ``component`` if it is a concrete class of its kind with a frozen ``Config`` of resolvable types.

    Raises:
        LoadProblem: It is not; the message is for the author of the component.
    """
    for complaint in _complaints(KINDS[entry.kind], component, entry.target):
        raise LoadProblem(f"{_cannot(entry)}: {complaint}", f"report this to the authors of {entry.distribution}")
    return component


def _complaints(kind: Kind, component: Any, target: str) -> Iterator[str]:
    base = kind.load_base()
    is_class = isinstance(component, type)  # apart, so that a type checker goes on taking it for anything
    if not (is_class and issubclass(component, base)):
        yield f"{target} is not a subclass of codaar_core.api.{base.__name__}"
        return
    if inspect.isabstract(component):
        yield f"{component.__name__} does not define {', '.join(sorted(component.__abstractmethods__))}"
    if kind.name == "data":
        yield from _wrong_card(component)
    config = component.Config
    if not (attrs.has(config) and config.__setattr__.__name__ == "_frozen_setattrs"):
        yield f"{component.__name__}.Config is not decorated with @attrs.frozen(kw_only=True)"
        return
    try:
        attrs.resolve_types(config)
    except Exception as error:
        yield f"the types of {component.__name__}.Config cannot be resolved: {error}"
    names = {field.name for field in attrs.fields(config)}
    for name in names & {field.metadata.get("formerly") for field in attrs.fields(config)}:
        yield f"{component.__name__}.Config has a setting {name!r}, which is also the former name of another"


def _wrong_card(component: type) -> Iterator[str]:
    """Complaints about the class attribute ``card``, which a run of this data would need."""
    from codaar_core.api import Card  # imports torch, as the component has done

    card = inspect.getattr_static(component, "card", None)
    if card is None:
        yield f"{component.__name__} does not define card, a codaar_core.api.Card"
    elif not isinstance(card, Card) and not hasattr(card, "__get__"):  # a property is read when the source is built
        yield f"{component.__name__}.card is {card!r}, not a codaar_core.api.Card"


def _cannot(entry: Entry) -> str:
    return f"{KINDS[entry.kind].title} {entry.full_name!r} could not be loaded from {entry.package}"
