"""The sound of a recording from its first sample on, whatever its timestamps: mono samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from codaar_core.api import DataError
from codaar_core.features import FILMS, SOUNDS, opened_recording, pyav
from codaar_plugin_vggish.front_end import RATE

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

INSTALL = "codaar-plugin-vggish[media]"
MOST_SECONDS = 3600
SUFFIXES = tuple(sorted((*FILMS, *SOUNDS)))


def read_sound(path: Path) -> Tensor:
    """Read the first sound stream of a file: the mean of its channels (N,) at 16 kHz, in -1..1.

    It is resampled by ffmpeg; the code of VGGish uses resampy, which has another filter.

    Raises:
        DataError: The file is missing, damaged, has no sound or more than an hour of it, or PyAV is not installed.
    """
    pieces, length = [], 0
    with opened_recording(path, INSTALL) as container:
        if not container.streams.audio:
            raise DataError(f"{path} has no sound")
        if container.streams.audio[0].codec_context is None:
            raise DataError(f"{path}: the codec of its sound is unknown")
        for frame in _resampled(container):
            pieces.append(_mono(frame))
            length += len(pieces[-1])
            if length > MOST_SECONDS * RATE:
                raise DataError(f"{path} has more than {MOST_SECONDS:,} seconds of sound", "cut it into shorter files")
    return torch.cat(pieces) if pieces else torch.zeros(0)


def _resampled(container: InputContainer) -> Iterator[AudioFrame]:
    resampler = pyav(INSTALL).AudioResampler("fltp", rate=RATE)
    for frame in container.decode(container.streams.audio[0]):
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _mono(frame: AudioFrame) -> Tensor:
    return torch.from_numpy(frame.to_ndarray()).mean(0)
