"""What the settings of every component must keep, so that recipes can be checked, completed and written back."""

from __future__ import annotations

import attrs
import tomli
import tomli_w

from codaar_core.recipe.conversion import convert
from codaar_core.recipe.origin import Source
from codaar_core.recipe.positions import locate
from codaar_core.recipe.problem import Problem
from codaar_core.recipe.resolved import settings
from codaar_core.recipe.settings import BenchmarkSettings, DataSettings, LossSettings
from codaar_core.recipe.tree import grow
from codaar_core.registry import KINDS
from codaar_core.testing.check import check, expect
from codaar_core.testing.subjects import Subject

ALL = tuple(KINDS)


def _names(config: type) -> set[str]:
    return {field.name for field in attrs.fields(config)}


READ_BY_CORE = {
    "loss": {"use", *_names(LossSettings)},
    "data": {"use", *_names(DataSettings)},
    "benchmark": {"use", "head", *_names(BenchmarkSettings)},
}


@check(*ALL)
def described(subject: Subject) -> None:
    """It has a docstring of its own: `codaar list` shows the first line."""
    said = subject.component.__dict__.get("__doc__")
    expect(said and said.strip(), f"{subject.title} has no docstring", f"say in one line what {subject.title} does")


@check(*ALL)
def settings_frozen(subject: Subject) -> None:
    """Config is a frozen attrs class with keywords only: settings never change after they were checked."""
    config = subject.component.Config
    frozen = attrs.has(config) and config.__setattr__.__name__ == "_frozen_setattrs"
    expect(
        frozen and all(field.kw_only for field in attrs.fields(config)),
        f"{subject.title}.Config is no frozen attrs class with keywords only",
        "decorate it with @attrs.frozen(kw_only=True)",
    )


@check(*ALL)
def settings_explained(subject: Subject) -> None:
    """Every setting has its sentence: `codaar inspect` and the schema show it."""
    silent = [field.name for field in attrs.fields(subject.component.Config) if not field.metadata.get("help")]
    expect(
        not silent,
        f"{subject.title}.Config does not explain {', '.join(silent)}",
        'declare it as `name: type = setting(default, "what it does, with its unit")`',
    )


@check(*ALL)
def settings_names(subject: Subject) -> None:
    """No setting is called as something that core reads in the same block: a recipe could not set both."""
    clashing = sorted(_names(subject.component.Config) & READ_BY_CORE.get(subject.kind, {"use"}))
    expect(
        not clashing,
        f"{subject.title}.Config declares {', '.join(clashing)}, which core reads itself",
        "give the setting another name",
    )


@check(*ALL)
def settings_round_trip(subject: Subject) -> None:
    """Default settings are valid, and the same when written as TOML and read back: a run repeats from its record."""
    document = tomli_w.dumps(settings(subject.config))
    problems: list[Problem] = []
    source = Source("settings.toml", tuple(document.splitlines()))
    table = grow(tomli.loads(document), locate(document), source)
    read = convert(subject.component.Config, table, "", problems)
    expect(
        not problems,
        f"{subject.title}.Config refuses its own settings: {'; '.join(each.message for each in problems)}",
        "annotate each setting with the plain type of its default (int, float, bool, str, Literal, tuple, X | None)",
    )
    expect(
        read == subject.config,
        f"{subject.title}.Config is {subject.config} before, and {read} after a round trip through TOML",
        "let settings hold what the recipe says; compute what follows from it in __init__",
    )
