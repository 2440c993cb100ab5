"""Five captions of a sequence of digits, at most ten words each."""

from __future__ import annotations

from collections.abc import Iterable

from codaar_plugin_digits.words import DIGITS

FILLERS = [
    "a",
    "and",
    "are",
    "digits",
    "first",
    "in",
    "is",
    "list",
    "order",
    "says",
    "shown",
    "someone",
    "the",
    "then",
    "this",
]


def captions(listing: Iterable[int]) -> list[list[str]]:
    """The five captions of a sequence of 3-5 digits."""
    words = [DIGITS[digit] for digit in listing]
    return [
        ["the", "digits", "are", *words],
        [*words, "in", "this", "order"],
        ["someone", "says", *words[:-1], "and", words[-1]],
        ["a", "list", *words, "is", "shown"],
        ["first", words[0], *(word for digit in words[1:] for word in ("then", digit))],
    ]
