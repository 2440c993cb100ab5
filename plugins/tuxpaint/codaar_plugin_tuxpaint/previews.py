"""What a clip is like: its picture, its description as it is spoken, and its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codaar_plugin_files.previews import SOUND_RATE, wave_file

from codaar_core.api import DataError, Picture, Preview, Sound, Words
from codaar_core.features import ClipSplit, timed_sound
from codaar_plugin_tuxpaint.folder import PICTURE, RECORDINGS, SPEECH, stamp_of
from codaar_plugin_tuxpaint.pictures import INSTALL, thumbnail

SIZE = 96  # rows and columns of a thumbnail
LONGEST = 6.0  # seconds of a description
LETTERS = 300


class StampSplit(ClipSplit):
    """Clips whose pictures, sounds and captions can be looked at.

    Args:
        clips: The clips.
        root: Folder with the recordings.
        captions: By stamp.
        names: By modality: name of the array of each clip.
    """

    def __init__(
        self,
        clips: ClipSplit,
        root: Path,
        captions: Mapping[str, str],
        names: Mapping[str, Sequence[str | None]],
    ) -> None:
        super().__init__(
            clips.all_ids,
            clips.tracks,
            clips.targets,
            clips.bad_clips,
            clips.defects,
            one_clock=clips.one_clock,
            least_steps=clips.least_steps,
        )
        self.root = root
        self.captions = captions
        self.names = {modality: list(each) for modality, each in names.items()}

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        """The whole picture, description or caption at each step of the clip; None where its recording is gone."""
        clip = int(self.kept[index])
        name = self.names[modality][clip] if modality in self.names else None
        if name is None or not 0 <= step < self._steps(modality, clip):
            return None
        caption = self.captions.get(stamp_of(name) or name, "")[:LETTERS]
        try:
            return self._preview(modality, name, caption)
        except DataError:
            return None

    def _steps(self, modality: str, clip: int) -> int:
        track: Any = self.tracks[modality]
        return int(track.length(clip))

    def _preview(self, modality: str, name: str, caption: str) -> Preview | None:
        folder = self.root / RECORDINGS / modality
        if modality == PICTURE:
            return Picture(thumbnail(folder / f"{name}.png", SIZE), caption or name)
        if modality == SPEECH:
            return Sound(spoken(folder / f"{name}.ogg"), f"{caption} ({name})".strip())
        return Words(caption) if caption else None


def spoken(path: Path) -> bytes:
    """A WAV file with 8 bit of the first seconds of a recording, as loud as possible.

    Raises:
        DataError: It cannot be read.
    """
    heard = timed_sound(path, 0.1, SOUND_RATE, INSTALL).reshape(-1)
    return wave_file(heard[: round(LONGEST * SOUND_RATE)])
