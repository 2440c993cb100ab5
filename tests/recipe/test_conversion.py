from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs
import pytest
import tomli
from attrs.validators import ge, in_

from codaar_core.api import ComponentError, setting
from codaar_core.recipe.checking.conversion import convert
from codaar_core.recipe.toml.origin import Source
from codaar_core.recipe.toml.positions import locate
from codaar_core.recipe.toml.tree import build_tree

MISSING = object()


def converted(kind: object, written: str) -> tuple[object, list[str]]:
    """The converted value of one setting, and the messages of problems."""
    config = attrs.make_class("Config", {"x": attrs.field(type=kind, kw_only=True)}, frozen=True)
    document = f"x = {written}"
    problems: list = []
    table = build_tree(tomli.loads(document), locate(document), Source("x.toml", (document,)))
    found = convert(config, table, "t", problems)
    return getattr(found, "x", MISSING), [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (int, "7", 7),
        (float, "7", 7.0),
        (float, "1e-4", 1e-4),
        (int, "-9223372036854775808", -(2**63)),
        (str, "'''a\n\tb'''", "a\n\tb"),
        (bool, "true", True),
        (str, "'7'", "7"),
        (int | None, "7", 7),
        (tuple[int, ...], "[]", ()),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (tuple[float, ...], "[1, 2.5]", (1.0, 2.5)),
        (tuple[int, str], "[1, 'a']", (1, "a")),
        (tuple[tuple[int, ...], ...], "[[1], []]", ((1,), ())),
        (tuple[int, ...] | None, "[1]", (1,)),
        (Literal["a", "b"], "'b'", "b"),
        (Literal[1, "all"], "1", 1),
        (int | str, "'x'", "x"),
        (int | Literal["all"], "'all'", "all"),
        (Mapping[str, str], "{ a = 'b', 'c d' = '' }", {"a": "b", "c d": ""}),
        (Mapping[str, float] | None, "{ a = 1 }", {"a": 1.0}),
    ],
)
def test_accepted_values(kind, written, value):
    found, problems = converted(kind, written)
    assert not problems
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (int, "'7'", 't.x: expected an integer, got the string "7"'),
        (int, "true", "t.x: expected an integer, got the boolean true"),
        (int, "6.0", "t.x: expected an integer, got the float 6.0"),
        (int, "1979-05-27", "t.x: expected an integer, got the date 1979-05-27"),
        (int, "{ a = 1 }", "t.x: expected an integer, got a table"),
        (float, "true", "t.x: expected a number, got the boolean true"),
        (float, "inf", "t.x: expected a finite number, got inf"),
        (float, "1e999", "t.x: expected a finite number, got inf"),
        (float | None, "nan", "t.x: expected a finite number, got nan"),
        (tuple[float, ...], "[1, -inf]", "t.x: expected a finite number, got -inf"),
        (float, str(2**63), f"t.x: expected an integer of 64 bits, got the integer {2**63}"),
        (int, hex(2**80), f"t.x: expected an integer of 64 bits, got the integer {hex(2**80)}"),
        (str, '"a\\u001b[2J"', 't.x: expected a string without control characters, got the string "a\\u001b[2J"'),
        (int, f"'{'x' * 999}'", f't.x: expected an integer, got the string "{"x" * 118}…'),
        (float, "'1.5'", 't.x: expected a number, got the string "1.5"'),
        (bool, "1", "t.x: expected true or false, got the integer 1"),
        (bool, "'true'", 't.x: expected true or false, got the string "true"'),
        (str, "7", "t.x: expected a string, got the integer 7"),
        (str, "['a']", 't.x: expected a string, got the list ["a"]'),
        (tuple[int, ...], "3", "t.x: expected a list, got the integer 3"),
        (tuple[str, ...], "'abc'", 't.x: expected a list, got the string "abc"'),
        (tuple[int, ...], "[1, 'a']", 't.x: expected an integer, got the string "a"'),
        (tuple[float, float], "[1]", "t.x: expected a list of 2, got 1: [1]"),
        (Literal["a", "b"], "'c'", 't.x: expected "a" or "b", got "c"'),
        (Literal[1, 2], "true", "t.x: expected 1 or 2, got true"),
        (int | None, "'7'", 't.x: expected an integer, got the string "7"'),
        (int | str, "1.5", "t.x: expected an integer or a string, got the float 1.5"),
        (Mapping[str, str], "['a']", 't.x: expected a table, got the list ["a"]'),
        (Mapping[str, float], "{ a = 1, 'b c' = 'x' }", 't.x: "b c": expected a number, got the string "x"'),
    ],
)
def test_rejected_values(kind, written, message):
    found, problems = converted(kind, written)
    assert problems == [message]
    assert found is MISSING


@attrs.frozen(kw_only=True)
class Config:
    """Settings with checks."""

    width: int = setting(help="channels", check=ge(1))
    kind: str = setting("a", "kind", in_(("a", "b")))
    low: float = setting(0.0, "lower end")
    high: float = setting(1.0, "upper end")

    @high.validator
    def _above(self, attribute, value):
        if value < self.low:
            raise ComponentError(f"high must not be below low ({self.low})", "exchange them")

    def __attrs_post_init__(self):
        if self.width == 13:
            raise ValueError("13 brings bad luck")


def problems_of(document: str) -> list:
    problems: list = []
    table = build_tree(tomli.loads(document), locate(document), Source("x.toml", tuple(document.split("\n"))))
    convert(Config, table, "block", problems, {"use"})
    return problems


def test_all_checks_of_all_settings_are_reported():
    found = problems_of("use = 'x'\nwidth = 0\nkind = 'c'\nlow = 0.5\nhigh = 0.25\ncolour = 1\n")
    assert sorted((problem.origin.line, problem.message, problem.help) for problem in found) == [
        (2, "block.width must be >= 1: 0", ""),
        (3, "block.kind must be in ('a', 'b') (got 'c')", ""),
        (5, "block.high: high must not be below low (0.5)", "exchange them"),
        (6, "[block] has no setting 'colour'", "its settings are high, kind, low, use, width"),
    ]


def test_a_check_sees_defaults_and_is_skipped_if_the_other_setting_is_wrong():
    (problem,) = problems_of("width = 1\nhigh = -1\n")
    assert problem.message == "block.high: high must not be below low (0.0)"
    (problem,) = problems_of("width = 1\nlow = 'x'\nhigh = -1\n")
    assert problem.message == 'block.low: expected a number, got the string "x"'


def test_a_setting_without_default_must_be_given():
    (problem,) = problems_of("kind = 'a'\n")
    assert (problem.message, problem.help) == ("[block] needs 'width'", "width = ...   # channels")


def test_a_check_of_several_settings_points_to_the_block():
    (problem,) = problems_of("width = 13\n")
    assert problem.message == "[block]: 13 brings bad luck"
