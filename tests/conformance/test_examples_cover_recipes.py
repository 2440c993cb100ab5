"""Every way in which a shipped recipe uses a component is a configuration that the conformance kit runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from codaar_core.api import Component, setting
from codaar_core.recipe.plan import Block
from codaar_core.recipe.sweep import load_all
from codaar_core.testing.subjects import Subject

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(
    path for path in (ROOT / "recipes").rglob("*.toml") if path.parent.name != "methods"
)  # put over others


def way(field: attrs.Attribute, value: Any) -> Hashable:
    """The way of working that a value selects: other numbers of one way differ in amount only.

    Every choice of a Literal is a way. Zero usually switches something off and one leaves something single, so both
    are ways; so are an empty tuple or table, one of a single element, and longer ones. A path selects none.
    """
    if "Literal" in str(field.type):
        return value
    if field.type in (str, str | None):
        return "text"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if value == 0 or (value == 1 and isinstance(value, int)) else "number"
    return min(len(value), 2) if isinstance(value, (tuple, dict)) else value


def fields_of(component: type[Component]) -> tuple[attrs.Attribute, ...]:
    """The settings of a component, their types resolved."""
    return attrs.fields(attrs.resolve_types(component.Config))


def ways(component: type[Component], config: Any) -> dict[str, Hashable]:
    """The way of every setting of a configuration."""
    return {field.name: way(field, getattr(config, field.name)) for field in fields_of(component)}


def defaults(component: type[Component]) -> dict[str, Hashable]:
    """The way of every setting that has a default."""
    return {f.name: way(f, f.default) for f in fields_of(component) if f.default is not attrs.NOTHING}


def kit_ways(component: type[Component]) -> list[dict[str, Hashable]]:
    """The ways of every configuration that the kit runs."""
    first = Subject(component.kind, component.__name__, component)
    return [ways(component, subject.config) for subject in (first, *first.variants())]


def untested(component: type[Component], config: Any) -> Iterator[str]:
    """Settings of a recipe that differ from the default in their way, and are so in no configuration of the kit."""
    usual, configurations = defaults(component), kit_ways(component)
    for name, used in ways(component, config).items():
        if usual.get(name) != used and all(each[name] != used for each in configurations):
            yield f"{component.kind}:{component.__name__}.{name} = {getattr(config, name)!r}"


@cache
def shipped_blocks() -> dict[tuple[type[Component], str], Block]:
    """One block of all shipped recipes for each component and configuration."""
    plans = (plan for path in RECIPES for plan in load_all(path))
    return {(block.component, repr(block.config)): block for plan in plans for block in plan.blocks()}


def test_the_kit_runs_every_configuration_of_the_shipped_recipes():
    missing = {
        f"{gap} ({block.origin})"
        for block in shipped_blocks().values()
        for gap in untested(block.component, block.config)
    }
    assert not missing, "add these to `examples` of the component:\n" + "\n".join(sorted(missing))


def test_recipes_use_components_of_every_kind():
    assert {block.component.kind for block in shipped_blocks().values()} >= {
        *("encoder", "decoder", "quantizer", "alignment", "loss", "head", "data", "benchmark")
    }


class Toy(Component):
    """Many settings."""

    kind = "toy"
    example = {"width": 4}
    examples = ({"shape": "round"}, {"parts": 2})

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings."""

        width: int = setting(300, "a number")
        parts: int = setting(1, "how many parts")
        share: float = setting(0.5, "a share; 0: none")
        shape: Literal["square", "round", "flat"] = setting("square", "a choice")
        masked: bool = setting(False, "a switch")
        order: tuple[str, ...] = setting((), "names")
        limit: int | None = setting(None, "a limit")
        root: str = setting("", "a folder")


@pytest.mark.parametrize(
    "used",
    [
        {},
        {"width": 200},
        {"parts": 5},
        {"share": 0.9},
        {"shape": "round"},
        {"parts": 3, "shape": "round"},
        {"root": "data"},
    ],
)
def test_a_configuration_that_is_tested_passes(used):
    assert not list(untested(Toy, Toy.Config(**used)))


@pytest.mark.parametrize(
    "used",
    [{"share": 0.0}, {"shape": "flat"}, {"masked": True}, {"order": ("a", "b")}, {"limit": 3}],
    ids=lambda used: next(iter(used)),
)
def test_a_configuration_that_is_not_tested_is_listed(used):
    (name,) = used
    (gap,) = untested(Toy, Toy.Config(**used))
    assert gap == f"toy:Toy.{name} = {used[name]!r}"
