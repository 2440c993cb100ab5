"""Checks of the settings of every component: recipes can then be checked, completed and written back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import attrs
import tomli
import tomli_w
import torch

from codaar_core.api import ComponentError
from codaar_core.recipe.checking.conversion import convert
from codaar_core.recipe.resolved import settings
from codaar_core.recipe.schema import alternatives
from codaar_core.recipe.settings import BenchmarkSettings, DataSettings, LossSettings
from codaar_core.recipe.toml.origin import Origin, Source
from codaar_core.recipe.toml.positions import locate
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.tree import Table, Value, build_tree
from codaar_core.registry import KINDS
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.environment.traces import Trace, other_values, trace
from codaar_core.testing.subjects import MODULES, AlignmentSubject, ModuleSubject, Subject

ALL = tuple(KINDS)
Trainable = ModuleSubject | AlignmentSubject


def _names(config: type) -> set[str]:
    return {field.name for field in attrs.fields(config)}


READ_BY_CORE = {
    "loss": {"use", *_names(LossSettings)},
    "data": {"use", *_names(DataSettings)},
    "benchmark": {"use", "head", *_names(BenchmarkSettings)},
}


@check(*ALL, once=True)
def described(subject: Subject) -> None:
    """It has a docstring of its own, and the first line is a whole sentence: `codaar list` shows it."""
    docstring = (subject.component.__dict__.get("__doc__") or "").strip()
    expect(docstring, f"{subject.title} has no docstring", f"describe in one line what {subject.title} does")
    first = docstring.partition("\n")[0]
    expect(
        first.endswith((".", "!", "?")),
        f"the docstring of {subject.title} begins with {first!r}, which is not a whole sentence",
        "describe in one line what it does; separate further sentences by an empty line",
    )


@check(*ALL, once=True)
def settings_frozen(subject: Subject) -> None:
    """Config is a frozen attrs class with keywords only: settings never change after they were checked."""
    config = subject.component.Config
    frozen = attrs.has(config) and config.__setattr__.__name__ == "_frozen_setattrs"
    expect(
        frozen and all(field.kw_only for field in attrs.fields(config)),
        f"{subject.title}.Config is not a frozen attrs class with keywords only",
        "decorate it with @attrs.frozen(kw_only=True)",
    )


@check(*ALL, once=True)
def settings_explained(subject: Subject) -> None:
    """Every setting has a help line: `codaar inspect` and the schema show it."""
    silent = [field.name for field in attrs.fields(subject.component.Config) if not field.metadata.get("help")]
    expect(
        not silent,
        f"{subject.title}.Config does not explain {', '.join(silent)}",
        'declare it as `name: type = setting(default, "what it does, with its unit")`',
    )


@check(*ALL, once=True)
def settings_names(subject: Subject) -> None:
    """No setting has the name of one that core reads in the same block: a recipe could not set both."""
    clashing = sorted(_names(subject.component.Config) & READ_BY_CORE.get(subject.kind, {"use"}))
    expect(
        not clashing,
        f"{subject.title}.Config declares {', '.join(clashing)}, which core reads in the same block",
        "rename the setting",
    )


@check(*ALL)
def settings_round_trip(subject: Subject) -> None:
    """Settings are valid, and unchanged when written as TOML and read back: a run is repeated from its record."""
    document = tomli_w.dumps(settings(subject.config))
    problems: list[Problem] = []
    source = Source("settings.toml", tuple(document.splitlines()))
    table = build_tree(tomli.loads(document), locate(document), source)
    read = convert(subject.component.Config, table, "", problems)
    expect(
        not problems,
        f"{subject.title}.Config refuses its own settings: {'; '.join(each.message for each in problems)}",
        "annotate each setting with the plain type of its default (int, float, bool, str, Literal, tuple, X | None)",
    )
    expect(
        read == subject.config,
        f"{subject.title}.Config is {subject.config} before and {read} after a round trip through TOML",
        "store settings as they stand in the recipe; compute derived values in __init__",
    )


NONSENSE: Mapping[type, tuple[Any, ...]] = {float: (math.nan, math.inf, -math.inf), int: (-(2**31), 2**63)}
"""Numbers that no setting should accept: sizes are not negative, and no other number is like that."""


@check(*ALL, once=True)
def settings_bounds(subject: Subject) -> None:
    """Settings refuse NaN, infinity and huge negative integers: a slip is reported at its line, not by a crash."""
    fields = attrs.fields(attrs.resolve_types(subject.component.Config))
    accepted = [
        f"{field.name} = {value}"
        for field in fields
        for value in _nonsense(field.type)
        if _is_accepted(subject, field.name, value)
    ]
    expect(
        not accepted,
        f"{subject.title}.Config accepts {', '.join(accepted)}",
        "give the setting a check, e.g. attrs.validators.ge(0); where such a value has a meaning, declare "
        'expected_failures = {"settings-bounds": "reason"} on the class',
    )


def _nonsense(kind: Any) -> Iterator[Any]:
    """Meaningless values of a type; lists have as many of them as the type wants."""
    if get_origin(kind) is tuple:
        arguments = get_args(kind)
        yield from ([value] * (1 if ... in arguments else len(arguments)) for value in _nonsense(arguments[0]))
    elif get_args(kind) and get_origin(kind) is not Literal:
        yield from (value for member in get_args(kind) for value in _nonsense(member))
    elif kind in NONSENSE:
        yield from NONSENSE[kind]


def _is_accepted(subject: Subject, name: str, value: Any) -> bool:
    problems: list[Problem] = []
    nowhere = Origin(Source("settings.toml", ("",)), 1, 1)
    given = {**settings(subject.config), name: value}
    table = Table({key: Value(data, nowhere, nowhere) for key, data in given.items()}, nowhere)
    convert(subject.component.Config, table, "", problems)
    return not problems


@check(*ALL, once=True)
def settings_schema(subject: Subject) -> None:
    """Every setting has a type that the JSON schema can express: editors complete and check recipes by it."""
    fields = attrs.fields(attrs.resolve_types(subject.component.Config))
    inexpressible = [field.name for field in fields if "{}" in json.dumps(alternatives(field.type))]
    expect(
        not inexpressible,
        f"{subject.title}.Config: the JSON schema of recipes cannot express the type of {', '.join(inexpressible)}",
        "annotate it with int, float, bool, str, Literal[...], tuple[..., ...], Mapping[str, ...], or these | None",
    )


@check(*MODULES, "alignment", once=True)
def settings_matter(subject: Trainable) -> None:
    """Every setting has an effect: one without misleads whoever tunes it."""
    idle = {field.name for field in attrs.fields(type(subject.config))}
    for other in _settings_to_try(subject):  # a setting may have an effect only together with another
        idle = {name for name in idle if not _matters(other, name)} if idle else idle
    expect(
        not idle,
        f"{subject.title} does the same for every value of {', '.join(sorted(idle))}",
        "use the setting or remove it; where toy inputs cannot show its effect, declare "
        'expected_failures = {"settings-matter": "reason"} on the class',
    )


def _settings_to_try(subject: Trainable) -> Iterator[Trainable]:
    """The first configuration, the further ones, and each with another choice of a boolean or Literal setting."""
    yield subject
    yield from subject.variants()
    for field in attrs.fields(attrs.resolve_types(type(subject.config))):
        if field.type is bool or get_origin(field.type) is Literal:
            yield from map(subject.having, _other_settings(subject.config, field.name))


def _matters(subject: Trainable, name: str) -> bool:
    """Whether some other accepted value makes a difference; also true where no other value is accepted."""
    before, accepted = _traced(subject), False
    for other in _other_settings(subject.config, name):
        after = _traced(subject.having(other))
        if before is None or after is None:
            continue
        if before.keys() != after.keys() or any(not torch.equal(before[each], after[each]) for each in before):
            return True
        accepted = True
    return not accepted and before is not None


def _traced(subject: Trainable) -> Trace | None:
    """The trace; None where the component refuses the settings, which may not suit small widths."""
    try:
        return trace(subject)
    except (ComponentError, Violation):
        return None


def _other_settings(config: Any, name: str) -> Iterator[Any]:
    field = getattr(attrs.fields(attrs.resolve_types(type(config))), name)
    for value in other_values(getattr(config, name), field.type):
        try:
            yield attrs.evolve(config, **{name: value})
        except Exception:  # its checks refuse that
            continue
