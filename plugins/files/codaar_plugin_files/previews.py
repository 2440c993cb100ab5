"""What clips are like, for people: pictures and sound of their recordings, and their sentences."""

from __future__ import annotations

import io
import wave
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np

from codaar_core.api import DataError, Picture, Preview, Sound, Words
from codaar_core.features import (
    FILMS,
    PICTURES,
    SOUNDS,
    ClipSplit,
    first_picture,
    pyav,
    read_table,
    timed_frames,
    timed_sound,
)
from codaar_plugin_files.names import clip_and_number

INSTALL = "codaar-plugin-files[media]"
SIDE = 96  # largest number of rows and columns of a picture
SOUND_RATE = 8_000  # samples a second
SHORTEST, LONGEST = 0.5, 6.0  # seconds of a sound, around the middle of its step
LOUDEST = 1e-3  # least peak that is raised to full scale: silence stays silent
LETTERS = 300


class Shown(Protocol):
    """One modality of all clips, for people."""

    def preview(self, name: str, step: int) -> Preview | None:
        """An array at a step of the clock; None without recording.

        Raises:
            DataError: Recordings cannot be read.
        """


class ShownSplit(ClipSplit):
    """Clips whose recordings can be looked at.

    Args:
        names: By modality, the name of the array of each clip; None for a clip without one.
        shown: Modalities that can be shown.
        clips: Further arguments of ``ClipSplit``.
        rules: The same.
    """

    def __init__(
        self, names: Mapping[str, Sequence[str | None]], shown: Mapping[str, Shown], *clips: Any, **rules: Any
    ) -> None:
        super().__init__(*clips, **rules)
        self.names = dict(names)
        self.shown = dict(shown)

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        """The picture or sound of one step, or the whole sentence at each step; None after the end of the clip."""
        clip = int(self.kept[index])
        name = self.names[modality][clip] if modality in self.shown and modality in self.names else None
        track: Any = self.tracks.get(modality)
        if name is None or track is None or not 0 <= step < track.length(clip):
            return None
        return self.shown[modality].preview(name, step)


@attrs.define(slots=False)
class Recordings:
    """Recordings of a folder, which is searched on first use.

    Attributes:
        folder: Searched with its subfolders.
        suffixes: Of files that are read.
        seconds: Length of a step.
    """

    folder: Path
    suffixes: tuple[str, ...]
    seconds: float

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """The recording of each name.

        Raises:
            DataError: The folder is missing, or two recordings have one name.
        """
        if not self.folder.is_dir():
            raise DataError(f"there is no folder of recordings {self.folder}", "it is relative to `root`")
        found: dict[str, Path] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() in self.suffixes and not path.name.startswith("."):
                other = found.setdefault(path.stem, path)
                if other != path:
                    raise DataError(f"{other} and {path} have one name", "rename or move one of them")
        return found

    def of(self, name: str) -> Path | None:
        """The recording of an array, by the name of the array or of its clip."""
        return self.paths.get(name, self.paths.get(clip_and_number(name)[0]))

    def title(self, name: str, step: int) -> str:
        """What is shown, for those who cannot see or hear it."""
        return f"{name}, {step * self.seconds:g} s to {(step + 1) * self.seconds:g} s"


class ShownPictures(Recordings):
    """The picture in the middle of each step of films, or a whole picture."""

    def preview(self, name: str, step: int) -> Picture | None:
        """The picture, at most ``SIDE`` cells wide and high; None after the end of its film."""
        path = self.of(name)
        if path is None:
            return None
        if path.suffix.lower() in PICTURES:
            return Picture(thumbnail(first_picture(path, INSTALL)), name)
        for shown in timed_frames(path, self.seconds, 1, INSTALL):
            if shown.step == step:
                return Picture(thumbnail(shown.picture), self.title(name, step))
        return None


class ShownSounds(Recordings):
    """The sound of each step."""

    def preview(self, name: str, step: int) -> Sound | None:
        """The sound, as loud as possible; None after its end."""
        path = self.of(name)
        if path is None:
            return None
        window = min(max(self.seconds, SHORTEST), LONGEST)
        heard = timed_sound(path, self.seconds, SOUND_RATE, INSTALL, window)
        return Sound(wave_file(heard[step]), self.title(name, step)) if step < len(heard) else None


@attrs.define(slots=False)
class ShownSentences:
    """The sentence of each array.

    Attributes:
        path: Table id,text; the rows of a clip are its arrays ``ID#0``, ``ID#1``, ...
    """

    path: Path

    @cached_property
    def sentences(self) -> Mapping[str, Sequence[str]]:
        """The sentences of each clip."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in read_table(self.path, ("id", "text")):
            found[row["id"]].append(row["text"])
        return dict(found)

    def preview(self, name: str, step: int) -> Words | None:
        """The whole sentence at every step."""
        clip, number = (name, 0) if name in self.sentences else clip_and_number(name)
        sentences = self.sentences.get(clip, ())
        return Words(sentences[number][:LETTERS]) if number < len(sentences) else None


def shown_pictures(folder: Path, seconds: float) -> ShownPictures:
    """Films and pictures of a folder."""
    return ShownPictures(folder, (*FILMS, *PICTURES), seconds)


def shown_sounds(folder: Path, seconds: float) -> ShownSounds:
    """Sound of the films and sound files of a folder."""
    return ShownSounds(folder, (*FILMS, *SOUNDS), seconds)


def thumbnail(picture: np.ndarray) -> bytes:
    """A PNG file of a picture (H, W, 3) uint8 in RGB, scaled to at most ``SIDE`` rows and columns."""
    av: Any = pyav(INSTALL)
    height, width = picture.shape[:2]
    scale = min(SIDE / max(height, width), 1.0)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height = max(round(width * scale), 1), max(round(height * scale), 1)
    encoder.pix_fmt = "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = frame.reformat(width=encoder.width, height=encoder.height)
    return b"".join(bytes(packet) for each in (frame, None) for packet in encoder.encode(each))


def wave_file(samples: np.ndarray) -> bytes:
    """A WAV file with 8 bit of samples (N,) at ``SOUND_RATE``, raised to full scale."""
    loud = samples / max(float(np.abs(samples).max(initial=0.0)), LOUDEST)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(SOUND_RATE)
        sound.writeframes((128 + 127 * loud).round().astype(np.uint8).tobytes())
    return file.getvalue()
