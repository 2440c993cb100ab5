"""The JSON schema of results.json, derived from its classes.

``codaar schema --results -O codaar_core/engine/results/results.schema.json`` rewrites the shipped copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from codaar_core.engine.results.records import FORMAT, Results

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


def json_schema() -> dict[str, Any]:
    """The schema of the current format (draft 2020-12)."""
    definitions: dict[str, Any] = {}
    root = _class(Results, definitions)
    root["properties"]["format"] = {"const": FORMAT, "description": root["properties"]["format"]["description"]}
    root["required"].insert(0, "format")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "results.json of a CoDAAR run", **root, "$defs": definitions}


def _class(record: type[attrs.AttrsInstance], definitions: dict[str, Any]) -> dict[str, Any]:
    attrs.resolve_types(record)
    fields = attrs.fields(record)
    return {
        "type": "object",
        "description": cleandoc(record.__doc__ or ""),
        "properties": {f.name: {**_type(f.type, definitions), "description": f.metadata["help"]} for f in fields},
        "required": [f.name for f in fields if f.default is attrs.NOTHING],
        "additionalProperties": False,
    }


def _type(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if attrs.has(kind):
        definitions.setdefault(kind.__name__, _class(kind, definitions))
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if kind in TYPES:
        return {"type": TYPES[kind]}
    if get_origin(kind) in (Union, UnionType):
        return {"type": [TYPES[each] for each in get_args(kind)]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0], definitions)}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": _type(get_args(kind)[1], definitions)}
    raise TypeError(f"no JSON type for {kind}")
