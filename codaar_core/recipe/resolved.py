"""A plan as plain data: a complete recipe with all defaults and full names, which resolves to itself."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import attrs

from codaar_core.recipe.names import setting_name
from codaar_core.recipe.plan import BenchmarkPlan, Block, LossPlan
from codaar_core.recipe.settings import BenchmarkSettings

Written = dict[str, Any]


def settings(config: Any) -> Written:
    """The settings of an attrs object; None is left out, because TOML has no null."""
    values = {setting_name(field.name): getattr(config, field.name) for field in attrs.fields(type(config))}
    return {name: plain(value) for name, value in values.items() if value is not None}


def plain(value: Any) -> Any:
    """A value in the types of TOML."""
    if attrs.has(type(value)):
        return settings(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, PurePath) else value


def blocks(named: dict[str, Any]) -> Written:
    """All blocks of a section."""
    return {name: block(each) for name, each in named.items()}


def block(plan: Block | LossPlan | BenchmarkPlan) -> Written:
    """A block with all its settings, those of the framework included."""
    if isinstance(plan, LossPlan):
        return {**block(plan.block), "weight": plain(plan.weight), "pass": plan.pass_}
    if isinstance(plan, BenchmarkPlan):
        training = {field.name: plain(getattr(plan, field.name)) for field in attrs.fields(BenchmarkSettings)}
        return {**block(plan.block), **training, "head": block(plan.head)}
    return {"use": plan.entry.full_name, **settings(plan.config)}
