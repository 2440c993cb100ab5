"""A JSON schema of recipes, generated from the installed components, for completion and checks in an editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from codaar_core.recipe.checking.check import FORMAT, SWEEP
from codaar_core.recipe.checking.renamed import former_names
from codaar_core.recipe.names import setting_name
from codaar_core.recipe.resolved import plain
from codaar_core.recipe.settings import PER_MODALITY, SECTIONS, SWITCHED, BlockSettings, DataSettings
from codaar_core.recipe.sweep import PRETRAINING, SweepSettings
from codaar_core.recipe.toml.reading import DIRECTIVES
from codaar_core.registry import KINDS, Entry, Registry, RegistryError

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-04/schema#"  # the draft that Taplo reads
REFERENCE = "reference"
ARM = "arm"
SCORE = {
    "type": "string",
    "pattern": f"^([^/]+/.+->.+/.+|{PRETRAINING}.+)$",
    "description": f"BENCHMARK/TRAIN->TEST/METRIC, or {PRETRAINING}VALUE",
}
NUMBER_OR_NONE = {"anyOf": [{"type": "number"}, {"enum": [""]}]}
DEFINED_REFERENCE = {"type": "string", "pattern": r"^\$\{[^{}]*\}$"}
LIMITS = {">": "minimum", ">=": "minimum", "<": "maximum", "<=": "maximum"}
SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}
DIRECTIVE_HELP = {
    "extends": "recipes to inherit, relative to this file; tables merge, lists and values are replaced",
    "unset": "inherited blocks or values to remove, by path",
}
FRAMEWORK = {"data": DataSettings, **{switched.kind: switched.settings for switched in SWITCHED.values()}}
"""Settings of the framework in the blocks of a kind."""


def schema(plugins: Sequence[Path | str] = ()) -> Schema:
    """Describe all recipes that the installed components allow; this imports every component.

    No setting is required, because a recipe may inherit it from another: only ``validate`` finds missing settings.

    Args:
        plugins: Local files of components.

    Raises:
        CodaarError: A local file cannot be used.
    """
    registry = Registry(plugins)
    directives = {name: {"description": DIRECTIVE_HELP[name], **_list_of({"type": "string"})} for name in DIRECTIVES}
    return {
        "$schema": DRAFT,
        "title": "CoDAAR recipe",
        **_table(
            {
                "codaar": {"enum": [FORMAT], "description": "recipe format"},
                **directives,
                **_sections(),
                SWEEP: _sweep(),
            }
        ),
        "definitions": {
            REFERENCE: DEFINED_REFERENCE,
            ARM: _table({**directives, **_sections()}, "changes of one row of the table"),
            **{kind: _block(registry, kind) for kind in KINDS},
        },
    }


def _sections() -> Schema:
    """The tables of a recipe; blocks refer to the definition of their kind."""
    blocks = {**PER_MODALITY, **{section: switched.kind for section, switched in SWITCHED.items()}}
    return {
        **{name: _table(_settings(settings), settings.__doc__) for name, settings in SECTIONS.items()},
        **{name: _named(_defined(kind)) for name, kind in blocks.items()},
        "data": _defined("data"),
        "quantizer": _defined("quantizer"),
    }


def _sweep() -> Schema:
    """The table [sweep]; its columns and rows have any names."""
    named = {"arms": _defined(ARM), "columns": SCORE, "published": _list_of(NUMBER_OR_NONE)}
    return _table({**_settings(SweepSettings), **{key: _named(value) for key, value in named.items()}})


# Blocks


def _block(registry: Registry, kind: str) -> Schema:
    """A block of any component of a kind; ``use`` selects one, but may be inherited."""
    framework = _settings(FRAMEWORK.get(kind, BlockSettings))
    if kind == "benchmark":
        framework["head"] = _defined("head")
    return {"anyOf": [_component(registry, entry, framework) for entry in registry.entries(kind)] or [{}]}


def _component(registry: Registry, entry: Entry, framework: Schema) -> Schema:
    use = {"enum": _names(registry, entry), "description": f"{KINDS[entry.kind].title} of {entry.package}"}
    try:
        component = registry.load(entry)
    except RegistryError as error:  # its settings are unknown, so all are allowed
        return {"type": "object", "properties": {"use": {**use, "description": error.message}}, "required": ["use"]}
    return _table({"use": use, **_settings(component.Config), **framework}, component.__doc__)


def _names(registry: Registry, entry: Entry) -> list[str]:
    """The values of ``use``: the full name, and the bare name if no other package has it."""
    alone = sum(other.name == entry.name for other in registry.entries(entry.kind)) == 1
    return [entry.name, entry.full_name] if alone else [entry.full_name]


# Settings


def _settings(config: type) -> Schema:
    fields = {setting_name(field.name): field for field in attrs.fields(attrs.resolve_types(config))}
    former = {old: _deprecated(fields[new]) for old, new in former_names(config).items()}
    return {**{name: _setting(field) for name, field in fields.items()}, **former}


def _deprecated(field: attrs.Attribute) -> Schema:
    """A setting under its former name."""
    written = {key: value for key, value in _setting(field).items() if key != "default"}
    return {**written, "description": f"deprecated: use {setting_name(field.name)}", "deprecated": True}


def _setting(field: attrs.Attribute) -> Schema:
    written = {"description": field.metadata.get("help", ""), **_type(field.type), **_limits(field.validator)}
    return written if field.default in (attrs.NOTHING, None) else {**written, "default": plain(field.default)}


def _limits(check: Any) -> Schema:
    """The bounds of a number that attrs validators set; other validators have no counterpart in JSON schema."""
    limits: Schema = {}
    for each in getattr(check, "_validators", (check,)):  # of attrs.validators.and_
        operator = getattr(each, "compare_op", "")
        if operator in LIMITS:
            limits[LIMITS[operator[0]]] = each.bound
            if operator == operator[0]:
                limits[f"exclusive{LIMITS[operator].title()}"] = True
    return limits


def _type(kind: Any) -> Schema:
    """The values of a type; each may be a ``${reference}`` instead."""
    if kind is str:
        return {"type": "string"}
    return {"anyOf": [*alternatives(kind), _defined(REFERENCE)]}


def alternatives(kind: Any) -> list[Schema]:
    """The schemas of a type; {} for a type without counterpart in JSON schema."""
    arguments = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return [each for member in arguments if member is not NoneType for each in alternatives(member)]
    if get_origin(kind) is Literal:
        return [{"enum": list(arguments)}]
    if get_origin(kind) is tuple:
        return [_list_of(_type(arguments[0])) if ... in arguments else _fixed_list([*map(_type, arguments)])]
    if get_origin(kind) is Mapping:
        return [_named(_type(arguments[1]))]
    if attrs.has(kind):
        return [_table(_settings(kind), kind.__doc__)]
    return [{"type": SCALARS[kind]} if kind in SCALARS else {}]


def _list_of(element: Schema) -> Schema:
    return {"type": "array", "items": element}


def _fixed_list(elements: list[Schema]) -> Schema:
    return {"type": "array", "items": elements, "minItems": len(elements), "additionalItems": False}


def _table(properties: Mapping[str, Schema], documentation: str | None = "") -> Schema:
    first_line = (documentation or "").strip().partition("\n")[0]
    described = {"description": first_line} if first_line else {}
    return {**described, "type": "object", "properties": dict(properties), "additionalProperties": False}


def _named(value: Schema) -> Schema:
    """A table with any keys."""
    return {"type": "object", "additionalProperties": value}


def _defined(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}
