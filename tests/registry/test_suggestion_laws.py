from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.registry import closest, join_or
from codaar_core.registry.suggestion import edits

words = st.text("abc", max_size=6)


def slow_edits(a: str, b: str) -> int:
    """The recursive definition."""

    @cache
    def distance(i: int, j: int) -> int:
        if min(i, j) == 0:
            return max(i, j)
        ways = [distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])]
        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
            ways.append(distance(i - 2, j - 2) + 1)
        return min(ways)

    return distance(len(a), len(b))


@settings(deadline=None)
@given(words, words)
def test_edits_match_the_recursive_definition(a, b):
    assert edits(a, b) == slow_edits(a, b) == edits(b, a)


@given(st.text("abcdefgh", min_size=3, max_size=12), st.data())
def test_one_misspelling_is_found_among_distant_words(word, data):
    at = data.draw(st.integers(0, len(word) - 1))
    slip = word[:at] + data.draw(st.sampled_from("xyz")) + word[at + data.draw(st.integers(0, 1)) :]
    assert closest(slip, ["0000000", word, "1111111111"]) == [word]


def test_distant_words_are_not_suggested():
    assert closest("cmcm", ["cpc"]) == []
    assert closest("a", ["b"]) == []
    assert closest("", ["on", "b"]) == []


def test_equally_near_words_are_all_suggested():
    assert closest("lost", ["loss", "last", "other"]) == ["loss", "last"]


def test_join_or():
    assert [join_or(list(words)) for words in ("", "a", "ab", "abc")] == ["", "a", "a or b", "a, b or c"]
