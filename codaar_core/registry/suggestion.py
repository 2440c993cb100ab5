"""Suggestions for misspelt words."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> list[str]:
    """The known words with the smallest edit distance to ``word``; none if all are too far to be a misspelling."""
    limit = 1 + len(word) // 5
    near = {other: edits(word.lower(), other.lower()) for other in known if abs(len(other) - len(word)) <= limit}
    best = min(near.values(), default=limit + 1)
    return [other for other, distance in near.items() if distance == best <= limit and best < len(other)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question "did you mean ...?" about an unknown word; empty if no known word is near."""
    found = closest(word, known)
    return f"did you mean {join_or([repr(each) for each in found])}?" if found else ""


def join_or(words: list[str]) -> str:
    """Join words as ``a, b or c``."""
    return " or ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def edits(a: str, b: str) -> int:
    """Edit distance: insertions, deletions, substitutions and swaps of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other)))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], earlier[j - 2] + 1)
    return row[-1]
