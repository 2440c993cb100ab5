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


def way(value: Any) -> Hashable:
    """The way of working that a value selects: other numbers and texts of one way differ in amount only.

    Zero usually switches something off and one leaves something single, so both are ways; so are an empty tuple, one
    of a single element, and longer ones.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return "0" if value == 0 else "1" if value == 1 else "int"
    if isinstance(value, float):
        return "0" if value == 0 else "float"
    if isinstance(value, (tuple, list)):
        return ("tuple", min(len(value), 2))
    return "text" if value else ""


def ways(component: type[Component], config: Any) -> dict[str, Hashable]:
    """The way of every setting of a configuration; a choice of a Literal is a way of its own."""
    fields = attrs.fields(attrs.resolve_types(component.Config))
    values = {field: getattr(config, field.name) for field in fields}
    return {f.name: value if is_choice(f) and value is not None else way(value) for f, value in values.items()}


def is_choice(field: attrs.Attribute) -> bool:
    return "Literal" in str(field.type)


def defaults(component: type[Component]) -> dict[str, Hashable]:
    """The way of every setting that has a default."""
    fields = attrs.fields(attrs.resolve_types(component.Config))
    given = {f: f.default for f in fields if f.default is not attrs.NOTHING}
    return {f.name: value if is_choice(f) and value is not None else way(value) for f, value in given.items()}


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
    "used", [{}, {"width": 200}, {"parts": 5}, {"share": 0.9}, {"shape": "round"}, {"parts": 3, "shape": "round"}]
)
def test_a_configuration_that_is_tested_passes(used):
    assert not list(untested(Toy, Toy.Config(**used)))


@pytest.mark.parametrize(
    "used",
    [{"share": 0.0}, {"shape": "flat"}, {"masked": True}, {"order": ("a", "b")}, {"limit": 3}, {"root": "data"}],
    ids=lambda used: next(iter(used)),
)
def test_a_configuration_that_is_not_tested_is_listed(used):
    (name,) = used
    (gap,) = untested(Toy, Toy.Config(**used))
    assert gap == f"toy:Toy.{name} = {used[name]!r}"
