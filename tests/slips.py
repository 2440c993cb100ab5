"""Mistakes that people make while they write a recipe."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st


@st.composite
def slips(draw, word: str) -> str:
    """One letter too many, too few, wrong or swapped with the next."""
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("aeiouxyz"))
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    slip = draw(
        st.sampled_from([word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped])
        if len(word) < 3
        else st.sampled_from(
            [word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], word[:at] + word[at + 1 :], swapped]
        )
    )
    assume(slip != word)
    return slip


def wrong_type(value: object) -> st.SearchStrategy:
    """A value of another type."""
    other = {
        int: ["7", 6.5, [1]],
        float: ["0.5", False, [1.0]],
        str: [3, True, ["x"]],
        bool: ["true", 1],
        list: ["x", 3, True],
    }
    return st.sampled_from(other[type(value)])
