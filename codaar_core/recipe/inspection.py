"""One component: its documentation, its settings, and a TOML block to paste into a recipe."""

from __future__ import annotations

import inspect as python
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs

from codaar_core.api.component import Component
from codaar_core.api.errors import ComponentError
from codaar_core.recipe.names import setting_name
from codaar_core.recipe.resolved import plain
from codaar_core.recipe.toml.literal import literal
from codaar_core.registry import Entry, Registry, RegistryError, kind_called

BLOCKS = {"alignment": "align.", "loss": "losses.", "benchmark": "bench.", "hook": "hooks."}
NONE = "none"
WORDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
GENERIC = (("A", "B"), ("A", "B", "C"))


@attrs.frozen
class Setting:
    """A setting of a component."""

    name: str
    type: str
    default: str  # as TOML; empty if the setting must be given
    meaning: str
    formerly: str = ""  # deprecated name; empty if there is none


@attrs.frozen
class ClosedForm:
    """The matrix of an alignment step as fractions: row m gives the weights of the target or codebook of modality m."""

    modalities: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@attrs.frozen
class Inspection:
    """The output of ``codaar inspect``."""

    entry: Entry
    doc: str
    place: str  # file:line
    settings: tuple[Setting, ...]
    block: str  # TOML, or a command
    closed_forms: tuple[ClosedForm, ...]


def inspect(component: str, modalities: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> Inspection:
    """Describe one component, which is imported for it.

    Args:
        component: ``kind:name`` or ``kind:provider:name``.
        modalities: Modalities for which the matrix of an alignment step is computed; empty: two and three of them.
        plugins: Local files of components.

    Raises:
        CodaarError: There is no such component, or it cannot be loaded.
    """
    kind, _, use = component.partition(":")
    if not use:
        raise RegistryError(f"{component!r}: expected KIND:NAME", "`codaar list` lists all components")
    registry = Registry(plugins)
    entry = registry.find(kind_called(kind).name, use)
    found = registry.load(entry)
    settings = settings_of(found.Config)
    return Inspection(
        entry, python.getdoc(found) or "", _place(found), settings, block(entry, settings), _forms(found, modalities)
    )


def settings_of(config: type) -> tuple[Setting, ...]:
    """The settings that an attrs class declares."""
    return tuple(
        Setting(
            setting_name(field.name),
            type_name(field.type),
            _default(field.default),
            field.metadata.get("help", ""),
            field.metadata.get("formerly", ""),
        )
        for field in attrs.fields(attrs.resolve_types(config))
    )


def _default(value: Any) -> str:
    if value is attrs.NOTHING:
        return ""
    return NONE if value is None else literal(plain(value))


def type_name(kind: Any) -> str:
    """The name of a type, in the terms of TOML."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return " | ".join(map(literal, arguments))
    if get_origin(kind) is tuple:
        length = "" if ... in arguments else f"{len(arguments)} "
        return f"list of {length}{type_name(arguments[0])}s"
    if get_origin(kind) is Mapping:
        inner = type_name(arguments[1])
        return f"table of {inner.replace('table', 'tables', 1) if attrs.has(arguments[1]) else f'{inner}s'}"
    if arguments:
        return " or ".join(type_name(each) for each in arguments if each is not NoneType)
    if attrs.has(kind):
        return f"table of {', '.join(setting_name(each.name) for each in attrs.fields(kind))}"
    return WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def block(entry: Entry, settings: Sequence[Setting]) -> str:
    """A TOML block with all settings, their defaults and help; for an extractor, a command instead."""
    if entry.kind == "extractor":
        needed = "".join(f" -o {setting.name}=..." for setting in settings if not setting.default)
        return f"codaar data extract {entry.name} FOLDER --to FOLDER{needed}"
    lines = [("use", literal(entry.name), ""), *map(_written, settings)]
    names = max(len(name) for name, _, _ in lines)
    values = max((len(value) for _, value, meaning in lines if meaning), default=0)
    written = [f"{name:{names}} = {value:{values}}{meaning}".rstrip() for name, value, meaning in lines]
    return "\n".join([f"[{_header(entry)}]", *written])


def _written(setting: Setting) -> tuple[str, str, str]:
    """Name, value and comment of a setting; a setting whose default is None is commented out."""
    name = f"# {setting.name}" if setting.default == NONE else setting.name
    value = "..." if setting.default in ("", NONE) else setting.default
    return name, value, f"  # {setting.meaning}" if setting.meaning else ""


def _header(entry: Entry) -> str:
    if entry.kind in ("encoder", "decoder"):
        return f"{entry.kind}s.MODALITY"
    if entry.kind == "head":
        return "bench.NAME.head"
    return f"{BLOCKS[entry.kind]}{entry.name}" if entry.kind in BLOCKS else entry.kind


def _place(component: type) -> str:
    try:
        _, line = python.getsourcelines(component)
        return f"{python.getsourcefile(component)}:{line}"
    except (OSError, TypeError):
        return ""


def _forms(component: type[Component], modalities: Sequence[str]) -> tuple[ClosedForm, ...]:
    """The matrices of a linear alignment step: for the given modalities, or else for two and for three modalities."""
    if component.kind != "alignment":
        return ()
    if modalities:
        forms = [closed_form(component, tuple(modalities))]
    else:
        forms = [_generic_form(component, each) for each in _own_order(component) or GENERIC]
    return tuple(form for form in forms if form)


def _generic_form(component: type[Component], modalities: tuple[str, ...]) -> ClosedForm | None:
    """The matrix for example modalities; None if the step refuses them."""
    try:
        return closed_form(component, modalities)
    except ComponentError:
        return None


def _own_order(component: type[Component]) -> tuple[tuple[str, ...], ...]:
    defaults = {field.name: field.default for field in attrs.fields(component.Config)}
    order = defaults.get("order")
    return (order,) if isinstance(order, tuple) and order else ()


def closed_form(component: type[Component], modalities: tuple[str, ...]) -> ClosedForm | None:
    """The matrix of a linear alignment step with default settings; None if it has no matrix or needs settings.

    Raises:
        ComponentError: The step does not work with these modalities.
    """
    from codaar_core.api import AlignmentContext

    if any(field.default is attrs.NOTHING for field in attrs.fields(component.Config)):
        return None
    step: Any = component(component.Config(), AlignmentContext(modalities))  # an AlignmentStep, which imports torch
    matrix = step.matrix(modalities)
    if matrix is None:
        return None
    return ClosedForm(modalities, tuple(tuple(map(fraction, row)) for row in matrix.tolist()))


def fraction(value: float) -> str:
    """A number as a fraction with a denominator up to 10 000, or else as a decimal number."""
    simple = Fraction(value).limit_denominator(10_000)
    return str(simple) if abs(simple - Fraction(value)) < 1e-7 else f"{value:.6g}"
