"""Laws of what happens in a clip."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from codaar_plugin_digits.captions import FILLERS, captions
from codaar_plugin_digits.streams import stream
from codaar_plugin_digits.timelines import (
    BACKGROUND,
    LISTINGS,
    SECONDS,
    classification,
    localization,
    pretraining,
    retrieval,
    spread,
    takes,
)
from codaar_plugin_digits.words import DIGITS
from hypothesis import given, settings
from hypothesis import strategies as st

law = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32)
sizes = st.integers(1, 60)


def randomly(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def runs_of(row: np.ndarray) -> list[tuple[int, int]]:
    return [(event, len(list(group))) for event, group in groupby(row.tolist())]


@law
@given(seeds, sizes)
def test_a_clip_to_classify_has_one_window_of_four_to_ten_seconds(seed, clips):
    heard, seen = classification(randomly(seed), clips)
    assert heard.shape == (clips, SECONDS) and np.array_equal(heard, seen)
    for row in heard:
        events = [(event, length) for event, length in runs_of(row) if event != BACKGROUND]
        assert len(events) == 1 and 4 <= events[0][1] <= 10


def test_classes_are_balanced():
    heard, _ = classification(randomly(0), 200)
    assert np.array_equal(np.bincount(heard.min(1)), [20] * 10)


@law
@given(seeds, sizes)
def test_localization_tracks_agree_wherever_both_have_an_event(seed, clips):
    heard, seen = localization(randomly(seed), clips)
    both = (heard != BACKGROUND) & (seen != BACKGROUND)
    assert heard.shape == seen.shape == (clips, SECONDS)
    assert np.array_equal(heard[both], seen[both])
    assert heard.min() >= 0 and heard.max() <= BACKGROUND


def test_localization_tracks_differ_in_part():
    heard, seen = localization(randomly(0), 1000)
    only_heard = (heard != BACKGROUND) & (seen == BACKGROUND)
    only_seen = (heard == BACKGROUND) & (seen != BACKGROUND)
    both = (heard != BACKGROUND) & (heard == seen)
    assert [round(part.mean(), 1) for part in (both, only_heard, only_seen)] == [0.5, 0.2, 0.2]


def test_runs_are_one_to_three_seconds():
    heard, _ = localization(randomly(0), 2000)
    lengths = [length for row in heard for event, length in runs_of(row) if event != BACKGROUND]
    shares = np.bincount(lengths) / len(lengths)
    assert shares[1:4].min() > 0.2 and shares[4:].sum() < 0.1  # longer ones: neighbours that happen to be equal


def test_pretraining_clips_are_synchronous_and_half_of_them_have_one_digit():
    heard, seen = pretraining(randomly(0), 400)
    assert np.array_equal(heard, seen)
    single = [len(set(row[row != BACKGROUND])) == 1 for row in heard]
    assert 0.5 <= np.mean(single) < 0.6
    assert not all(single[:200])  # in random order


@law
@given(seeds, st.integers(1, len(LISTINGS)))
def test_no_two_items_to_retrieve_have_the_same_digits(seed, items):
    heard, seen = retrieval(randomly(seed), items)
    assert np.array_equal(heard, seen)
    assert len({frozenset(row.tolist()) - {BACKGROUND} for row in heard}) == items


@law
@given(seeds, st.sampled_from(LISTINGS))
def test_a_listing_keeps_its_order_and_fills_the_clip_evenly(seed, listing):
    row = spread(randomly(seed), np.array(listing))
    digits, lengths = zip(*runs_of(row), strict=True)
    assert digits == listing
    assert len(row) == SECONDS and max(lengths) - min(lengths) <= 1


@law
@given(seeds, sizes, st.integers(SECONDS, 40))
def test_a_clip_never_shows_a_variation_twice(seed, clips, variations):
    chosen = takes(randomly(seed), clips, variations)
    assert chosen.shape == (clips, SECONDS) and chosen.max() < variations
    assert all(len(set(row)) == SECONDS for row in chosen.tolist())


@pytest.mark.parametrize("listing", [(3, 1, 4), (9, 8, 7, 6), (0, 1, 2, 3, 4)])
def test_captions_name_the_digits_in_order_in_five_different_ways(listing):
    texts = captions(listing)
    assert len({tuple(text) for text in texts}) == 5
    for text in texts:
        assert len(text) <= SECONDS
        assert [word for word in text if word in DIGITS] == [DIGITS[digit] for digit in listing]
        assert all(word in FILLERS for word in text if word not in DIGITS)


def test_streams_depend_on_seed_and_every_name():
    draws = [stream(*names).random() for names in [(1, "a"), (1, "b"), (2, "a"), (1, "a", "b"), (1, "b", "a")]]
    assert len(set(draws)) == 5
    assert stream(1, "a").random() == draws[0]
