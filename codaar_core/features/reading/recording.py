"""Opens recordings with PyAV: a fixed list of formats, each read from the one file alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from codaar_core.api import DataError
from codaar_core.api.regular_file import open_regular

if TYPE_CHECKING:
    from av.container import InputContainer

MOST_PIXELS = 1 << 25  # of one picture; 8K films have 33.2 million
STREAMED = 0x7FFF_0000  # bytes: header of a .wav whose length was unknown when it was written
FORMATS = (
    *("aac", "avi", "flac", "jpeg_pipe", "matroska", "mov", "mp3"),
    *("mpeg", "mpegts", "mpegvideo", "ogg", "png_pipe", "wav"),
)
"""Names of ffmpeg's readers that may be used; playlists and lists of other files are not among them."""
FILMS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")
"""Suffixes of files with pictures and sound."""
PICTURES = (".jpeg", ".jpg", ".png")
"""Suffixes of single pictures."""
SOUNDS = (".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav")
"""Suffixes of files with sound only."""


@contextmanager
def opened_recording(path: Path, install: str) -> Iterator[InputContainer]:
    """Open a recording; errors while it is read become a DataError with its name.

    Args:
        path: The file; its format is detected from the content, because a name may look like a URL.
        install: Requirement that installs PyAV, e.g. "codaar-plugin-NAME[media]".

    Raises:
        DataError: The file is missing, empty, damaged or no recording of a known format, or PyAV is not installed.
    """
    av = pyav(install)
    # a playlist would otherwise make ffmpeg open other files and addresses
    options = {"protocol_whitelist": "none", "format_whitelist": ",".join(FORMATS)}
    opened = False
    try:
        with open_regular(path) as file:
            if not os.fstat(file.fileno()).st_size:
                raise ValueError("it is empty")
            _refuse_cut_riff(file, path)
            with av.open(file, options=options) as container:
                opened = True
                _bound_pictures(container)
                yield container
    except (av.FFmpegError, OSError, ValueError, OverflowError, MemoryError) as error:
        told = getattr(error, "strerror", None) or error
        if not opened and getattr(error, "errno", None) == errno.EINVAL:
            told = f"its format is not one of {', '.join(FORMATS)}"
        raise DataError(f"{path} cannot be read as a recording: {told}") from error


def _refuse_cut_riff(file: BinaryIO, path: Path) -> None:
    """Refuse a .wav that is shorter than its header says: ffmpeg reads the rest without a word."""
    head = file.read(12)
    file.seek(0)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    stated, there = int.from_bytes(head[4:8], "little") + 8, os.fstat(file.fileno()).st_size
    if there + 1 < stated < STREAMED:
        raise DataError(
            f"{path} is cut off: its header says {stated:,} bytes, {there:,} are there", "copy the whole file again"
        )


def _bound_pictures(container: InputContainer) -> None:
    """Refuse pictures of more than ``MOST_PIXELS``, also those that become larger after the first one."""
    for stream in container.streams:
        context: Any = stream.codec_context
        if not hasattr(context, "width"):
            continue  # no pictures
        context.options = {"max_pixels": str(MOST_PIXELS)}
        width, height = context.width, context.height
        if width * height > MOST_PIXELS:
            raise ValueError(f"pictures of {width} x {height} pixels; the most are {MOST_PIXELS:,} pixels")


def pyav(install: str) -> ModuleType:
    """Import PyAV.

    Raises:
        DataError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise DataError("reading recordings needs PyAV", f"pip install '{install}'") from error
    return av
