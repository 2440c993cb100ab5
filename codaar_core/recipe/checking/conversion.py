"""From tables of a recipe to typed settings. No value is converted silently, and all problems are collected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
import cattrs.v

from codaar_core.api.errors import CodaarError
from codaar_core.recipe.names import setting_name
from codaar_core.recipe.toml.literal import describe, key_literal, literal, shortened
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.scalars import scalar_fault
from codaar_core.recipe.toml.tree import UNREADABLE, Table, Value, plain
from codaar_core.registry import closest, join_or

T = TypeVar("T", bound=attrs.AttrsInstance)


class Mismatch(ValueError):
    """A value has the wrong type.

    Args:
        message: What was expected, and the value.
        help: What to write instead.
        inside: Indices of the wrong element, if the value is a list.
    """

    def __init__(self, message: str, help: str = "", inside: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.help = help
        self.inside = inside


class Mismatches(ValueError):
    """Several elements of a list have the wrong type."""

    def __init__(self, each: list[Mismatch]) -> None:
        super().__init__()
        self.each = each


# Strict types

NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


def _scalar(value: Any, kind: type) -> Any:
    fault = scalar_fault(value)
    if fault:
        raise Mismatch(fault)
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise Mismatch(f"expected {NAMES[kind]}, got {describe(value)}", _correction(value, kind))


def _correction(value: Any, kind: type) -> str:
    """What to write instead, if that is obvious."""
    if kind is str and not isinstance(value, (list, dict)):
        return f'write "{shortened(literal(value))}" in quotes'
    if kind is int and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, str) and _reads_as(value, kind):
        return f"write {shortened(value.strip().lower())} without quotes"
    return ""


def _reads_as(written: str, kind: type) -> bool:
    if kind is bool:
        return written.strip().lower() in ("true", "false")
    try:
        kind(written)
    except ValueError:
        return False
    return True


def _choice(value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    known = [literal(choice) for choice in choices]
    near = closest(literal(value), known)
    help = f"did you mean {join_or(near)}?" if near else ""
    raise Mismatch(f"expected {join_or(known)}, got {shortened(literal(value))}", help)


def _tuple(value: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Mismatch(f"expected a list, got {describe(value)}", f"write [{shortened(literal(value))}]")
    kinds = list(get_args(kind))
    if kinds[-1] is ...:
        kinds = [kinds[0]] * len(value)
    if len(kinds) != len(value):
        raise Mismatch(f"expected a list of {len(kinds)}, got {len(value)}: {shortened(literal(value))}")
    return tuple(_collect(value, kinds))


def _is_plain_table(kind: Any) -> bool:
    """Whether a type is a table of values that are no tables themselves."""
    return get_origin(kind) is Mapping and not attrs.has(get_args(kind)[1])


def _mapping(value: Any, kind: Any) -> dict[str, Any]:
    """Convert a table with any keys, whose values all have one type."""
    if not isinstance(value, Mapping):
        raise Mismatch(f"expected a table, got {describe(value)}", "write { name = ..., other = ... }")
    found, wrong = {}, []
    for name, item in value.items():
        try:
            found[name] = _converter.structure(item, get_args(kind)[1])
        except (Mismatch, Mismatches) as error:
            inner = error.each if isinstance(error, Mismatches) else [error]
            wrong += [Mismatch(f"{shortened(key_literal(name))}: {each}", each.help) for each in inner]
    if wrong:
        raise Mismatches(wrong)
    return found


def _collect(values: list[Any], kinds: Collection[Any]) -> list[Any]:
    found, wrong = [], []
    for number, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        try:
            found.append(_converter.structure(value, kind))
        except (Mismatch, Mismatches) as error:
            inner = error.each if isinstance(error, Mismatches) else [error]
            wrong += [Mismatch(str(each), each.help, (number, *each.inside)) for each in inner]
    if wrong:
        raise Mismatches(wrong)
    return found


def _union(value: Any, kind: Any) -> Any:
    """Convert to the first member of a union that fits; None is only a default, a recipe cannot write it."""
    members = [member for member in get_args(kind) if member is not NoneType]
    errors = []
    for member in members:
        if attrs.has(member) and not isinstance(value, Mapping):
            continue
        try:
            return _converter.structure(value, member)
        except (Mismatch, Mismatches) as error:
            errors.append(error)
    if len(members) == 1:
        raise errors[0]
    raise Mismatch(f"expected {join_or([_type_name(each) for each in members])}, got {describe(value)}")


def _type_name(kind: Any) -> str:
    """The name of a member of a union, in the terms of TOML."""
    if attrs.has(kind):
        return f"a table {_table_form(kind)}"
    return NAMES.get(kind, str(kind))


def _strict_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in NAMES:
        converter.register_structure_hook(kind, _scalar)
    converter.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _choice)
    converter.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _tuple)
    converter.register_structure_hook_func(_is_plain_table, _mapping)
    converter.register_structure_hook_func(lambda kind: get_origin(kind) in (Union, UnionType), _union)
    return converter


_converter = _strict_converter()


# Settings classes


def convert(
    settings: type[T], table: Table, path: str, problems: list[Problem], elsewhere: Collection[str] = ()
) -> T | None:
    """Turn a table into an object of an attrs class; None if there is a problem.

    Args:
        settings: The class.
        table: The table of the recipe.
        path: The table's path, for messages.
        problems: Problems are added here.
        elsewhere: Keys of this table that other code reads.
    """
    before = len(problems)
    problems += _wrong_keys(settings, table, path, elsewhere)
    values: dict[str, Any] = {}
    for field, node in _given(settings, table, elsewhere):
        inside = f"{path}.{setting_name(field.name)}"
        nested, named = _settings_inside(field.type)
        if nested is not None and named:
            values[field.name] = _converted_tables(nested, node, inside, problems)
            continue
        if nested is not None and isinstance(node, Table):
            values[field.name] = convert(nested, node, inside, problems)
            continue
        try:
            values[field.name] = _converter.structure(plain(node), cast(type, field.type))
        except Exception as error:
            problems += _mismatched(error, node, inside)
    values = {name: value for name, value in values.items() if value is not None}  # None: it has a problem
    problems += _refused(settings, values, table, path)
    unreadable = any(_is_unreadable(node) for node in table.items.values())
    return None if unreadable or len(problems) > before else _built(settings, values, table, path, problems)


def _settings_inside(kind: Any) -> tuple[type | None, bool]:
    """The settings class of a setting such as ``float | X`` or ``Mapping[str, X] | None``, and whether it has names."""
    if get_origin(kind) not in (Union, UnionType):
        return None, False
    tables = [(member, False) for member in get_args(kind) if attrs.has(member)]
    named = [(get_args(each)[1], True) for each in get_args(kind) if get_origin(each) is Mapping]
    return next((found for found in [*tables, *named] if attrs.has(found[0])), (None, False))


def _converted_tables(
    settings: type[T], node: Table | Value, path: str, problems: list[Problem]
) -> dict[str, T] | None:
    """Turn a table of tables with any names into settings by name; None if there is a problem."""
    if isinstance(node, Value):
        message = f"{path}: expected a table of tables, got {describe(node.data)}"
        problems.append(Problem("wrong-value", message, node.origin, f"write {{ NAME = {_table_form(settings)} }}"))
        return None
    before = len(problems)
    found: dict[str, Any] = {}
    for name, item in node.items.items():
        inside = f"{path}.{key_literal(name)}"
        if isinstance(item, Table):
            found[name] = convert(settings, item, inside, problems)
        else:
            message = f"{inside}: expected a table, got {describe(item.data)}"
            problems.append(Problem("wrong-value", message, item.origin, f"write {_table_form(settings)}"))
    return None if len(problems) > before else found


def _table_form(settings: type) -> str:
    return f"{{ {', '.join(f'{setting_name(field.name)} = ...' for field in attrs.fields(settings))} }}"


def _wrong_keys(settings: type, table: Table, path: str, elsewhere: Collection[str]) -> Iterator[Problem]:
    known = [*(setting_name(field.name) for field in attrs.fields(settings)), *elsewhere]
    misspelt: set[str] = set()
    for key, node in table.without(known).items.items():
        misspelt.update(closest(key, known))
        yield unknown(key, node, path, known, table)
    for field in attrs.fields(settings):
        if field.default is attrs.NOTHING and setting_name(field.name) not in {*table.items, *elsewhere, *misspelt}:
            yield missing(field, path, table)


def _given(settings: type, table: Table, elsewhere: Collection[str]) -> Iterator[tuple[attrs.Attribute, Table | Value]]:
    """Yield the settings that the table gives, with their readable values, in the order of the table."""
    fields = {setting_name(field.name): field for field in attrs.fields(attrs.resolve_types(settings))}
    for key, node in table.without(elsewhere).only(fields).items.items():
        if not _is_unreadable(node):
            yield fields[key], node


def _is_unreadable(node: Table | Value) -> bool:
    values = [node] if isinstance(node, Value) else [value for _, value in node.walk()]
    return any(value.data is UNREADABLE for value in values)


def _built(settings: type[T], values: dict[str, Any], table: Table, path: str, problems: list[Problem]) -> T | None:
    try:
        return settings(**values)
    except Exception as error:  # a check of several settings together
        problems.append(
            Problem("refused-value", f"[{path}]: {_reason(error)}", table.origin, getattr(error, "help", ""))
        )
        return None


def _mismatched(error: Exception, node: Table | Value, path: str) -> Iterator[Problem]:
    if isinstance(error, cattrs.BaseValidationError):  # inside a table of tables
        for message in cattrs.transform_error(error, path, _nested_reason):
            yield Problem("wrong-value", message, node.origin)
        return
    for each in error.each if isinstance(error, Mismatches) else [error]:
        origin = node.element(*each.inside) if isinstance(node, Value) and isinstance(each, Mismatch) else node.origin
        yield Problem("wrong-value", f"{path}: {each}", origin, getattr(each, "help", ""))


def _nested_reason(error: BaseException, kind: type | None) -> str:
    if isinstance(error, Mismatches):
        return "; ".join(map(str, error.each))
    return str(error) if type(error) in (Mismatch, ValueError) else cattrs.v.format_exception(error, kind)


def _refused(settings: type, good: dict[str, Any], table: Table, path: str) -> Iterator[Problem]:
    """Run the validator of each setting; a validator may look at the other settings."""
    together = SimpleNamespace(**{field.name: field.default for field in attrs.fields(settings)} | good)
    for field in attrs.fields(settings):
        if setting_name(field.name) in table.items and field.name not in good:
            vars(together).pop(field.name, None)
    for field in attrs.fields(settings):
        if field.validator is None or field.name not in good:
            continue
        try:
            field.validator(together, field, good[field.name])
        except AttributeError:  # it uses a setting that has a problem itself
            continue
        except Exception as error:
            yield Problem(
                "refused-value",
                f"{path}.{setting_name(field.name)}{_validator_message(error, field.name)}",
                table.items[setting_name(field.name)].origin,
                getattr(error, "help", ""),
            )


def _validator_message(error: Exception, name: str) -> str:
    """The message of a validator without the leading name of the setting."""
    reason = _reason(error)
    own = f"'{name}' "
    return f" {reason.removeprefix(own)}" if reason.startswith(own) else f": {reason}"


def _reason(error: Exception) -> str:
    if isinstance(error, CodaarError):
        return error.message
    return str(error.args[0]) if error.args else type(error).__name__


def unknown(key: str, node: Table | Value, path: str, known: Collection[str], table: Table) -> Problem:
    """The problem of an unknown key, with a suggestion and the present value of the suggested key."""
    near, message = closest(key, known), f"[{path}] has no setting {key!r}"
    if not near:
        return Problem("unknown-setting", message, node.key, f"its settings are {', '.join(sorted(known))}")
    given = table.items.get(near[0])
    now = (
        f" ({literal(given.data)}, from {given.origin})"
        if isinstance(given, Value) and not _is_unreadable(given)
        else ""
    )
    help = f"did you mean {join_or([repr(each) for each in near])}?{now}"
    return Problem("unknown-setting", message, node.key, help)


def missing(field: attrs.Attribute, path: str, table: Table) -> Problem:
    """The problem of a setting without default that the recipe does not give."""
    meaning = field.metadata.get("help", "")
    name = setting_name(field.name)
    help = f"{name} = ...   # {meaning}"
    return Problem("missing-setting", f"[{path}] needs {name!r}", table.origin, help)
