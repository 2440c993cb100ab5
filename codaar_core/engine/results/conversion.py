"""Results <-> the JSON of results.json. Reading is strict: unknown keys and values of a wrong type are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import cattrs
import cattrs.v

from codaar_core.api.control_characters import printable
from codaar_core.engine.results.records import FORMAT, Results

READABLE = (1, 2, FORMAT)
NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


def as_json(record: attrs.AttrsInstance) -> dict[str, Any]:
    """Turn ``Results``, or one of the records in it, into plain dictionaries and lists."""
    return _converter.unstructure(record)


def parse(values: Any) -> Results:
    """Check the parsed JSON of a results.json of this format or of an older one.

    Raises:
        ValueError: It does not fit the schema; the message names every place.
    """
    if not isinstance(values, dict):
        raise ValueError("contains no JSON object")
    if values.get("format") not in READABLE:
        known = f"{', '.join(map(str, READABLE[:-1]))} and {FORMAT}"
        raise ValueError(f"has results format {values.get('format')!r}, this version reads formats {known}")
    current = _from_format_1(values) if values["format"] == 1 else {**values, "format": FORMAT}
    try:
        return _converter.structure(current, Results)
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error, "results", _described))) from error


def _from_format_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 had the last epoch among the costs of pretraining, and sections as pairs."""
    took = dict(values.get("pretraining") or {})
    cost = {name: took.pop(name) for name in ("epoch_minutes", "peak_gb") if name in took}
    sections = [{"title": title, "html": html} for title, html in values.get("sections") or ()]
    return {**values, "format": FORMAT, "pretraining": {**cost, "last_epoch": took}, "sections": sections}


def _described(error: BaseException, kind: type | None) -> str:
    """What is wrong at one place; errors of our own say it themselves."""
    return str(error) if type(error) is ValueError else cattrs.v.format_exception(error, kind)


def _scalar(value: Any, kind: type) -> Any:
    if type(value) is str and kind is str:
        return printable(value)  # results of others are shown on terminals
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise ValueError(f"expected {NAMES[kind]}, got {value!r:.40}")


def strict_converter() -> cattrs.Converter:
    """A converter of attrs classes that refuses unknown keys and values of a wrong type."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in NAMES:
        converter.register_structure_hook(kind, _scalar)
    return converter


_converter = strict_converter()
