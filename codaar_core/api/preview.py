"""Preview: what a clip is like at one time step, for people who look at codes."""

from __future__ import annotations

import attrs


@attrs.frozen
class Picture:
    """A picture, at most a few kilobytes: a thumbnail.

    Attributes:
        content: A PNG file.
        alt: What it shows, for readers who cannot see it.
    """

    content: bytes
    alt: str


@attrs.frozen
class Sound:
    """A sound, at most a few tens of kilobytes: about a second.

    Attributes:
        content: A WAV file with PCM samples.
        alt: What it is a sound of, for readers who cannot hear it.
    """

    content: bytes
    alt: str


@attrs.frozen
class Words:
    """One or several words.

    Attributes:
        words: The words, at most a few hundred letters.
    """

    words: str


Preview = Picture | Sound | Words
"""What ``Split.preview`` returns."""
