"""Events of each second of a clip: a digit 0-9 or BACKGROUND, as arrays (clips, SECONDS)."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

SECONDS = 10
BACKGROUND = 10  # the event after the digits: the last row of tables, the last column of labels
WINDOW = (4, 10)  # seconds, of the one event of a clip
RUN = (1, 3)  # seconds, of one of several events
BOTH, HEARD, SEEN, NEITHER = range(4)
SHARES = (0.5, 0.2, 0.2, 0.1)  # of the runs that are one of these
LISTINGS = [digits for count in (3, 4, 5) for digits in combinations(range(10), count)]


class Tracks(NamedTuple):
    """Audio and video events; text follows the audio events."""

    heard: np.ndarray  # (clips, SECONDS)
    seen: np.ndarray  # (clips, SECONDS)


def pretraining(random: np.random.Generator, clips: int) -> Tracks:
    """Half clips of one digit and half of several, in random order; audio and video have the same events."""
    one = classification(random, clips // 2).heard
    several = localization(random, clips - clips // 2).heard
    events = random.permutation(np.concatenate([one, several]))
    return Tracks(events, events)


def classification(random: np.random.Generator, clips: int) -> Tracks:
    """One digit in a window anywhere, in audio and video, as in AVE; all digits are equally frequent."""
    digit = random.permutation(np.arange(clips) % 10)
    length = random.integers(*WINDOW, clips, endpoint=True)
    start = random.integers(0, SECONDS - length, endpoint=True)
    second = np.arange(SECONDS)
    inside = (start[:, None] <= second) & (second < (start + length)[:, None])
    events = np.where(inside, digit[:, None], BACKGROUND)
    return Tracks(events, events)


def localization(random: np.random.Generator, clips: int) -> Tracks:
    """Runs of random digits, as in AVVP: each in audio, video, both or neither."""
    shape = clips, SECONDS  # as many runs as a clip can have
    ends = random.integers(*RUN, shape, endpoint=True).cumsum(1)
    run = (ends[:, None, :] <= np.arange(SECONDS)[:, None]).sum(-1)
    digit = np.take_along_axis(random.integers(0, 10, shape), run, 1)
    way = np.take_along_axis(random.choice(4, shape, p=SHARES), run, 1)
    heard = np.where((way == BOTH) | (way == HEARD), digit, BACKGROUND)
    seen = np.where((way == BOTH) | (way == SEEN), digit, BACKGROUND)
    return Tracks(heard, seen)


def retrieval(random: np.random.Generator, clips: int) -> Tracks:
    """3-5 different digits in audio and video; no two clips have the same set, as means forget the order."""
    chosen = [random.permutation(LISTINGS[i]) for i in random.permutation(len(LISTINGS))[:clips]]
    events = np.stack([spread(random, listing) for listing in chosen])
    return Tracks(events, events)


def spread(random: np.random.Generator, listing: np.ndarray) -> np.ndarray:
    """Distribute digits over SECONDS in order, as evenly as whole seconds allow."""
    lengths = SECONDS // len(listing) + (random.permutation(len(listing)) < SECONDS % len(listing))
    return listing.repeat(lengths)


def takes(random: np.random.Generator, clips: int, variations: int) -> np.ndarray:
    """Number of the variation in each second (clips, SECONDS); distinct within a clip."""
    return random.random((clips, variations)).argsort(1)[:, :SECONDS]
