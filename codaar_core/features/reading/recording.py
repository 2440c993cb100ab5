"""Opens recordings with PyAV: any format that ffmpeg reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from codaar_core.api import DataError
from codaar_core.api.regular_file import open_regular

if TYPE_CHECKING:
    from av.container import InputContainer

MOST_PIXELS = 1 << 25  # of one picture; 8K films have 33.2 million


@contextmanager
def opened_recording(path: Path, install: str) -> Iterator[InputContainer]:
    """Open a recording; errors while it is read become a DataError with its name.

    Args:
        path: The file; its format is detected from the content, because a name may look like a URL.
        install: Requirement that installs PyAV, e.g. "codaar-plugin-NAME[media]".

    Raises:
        DataError: The file is missing, damaged or no recording, or PyAV is not installed.
    """
    av = pyav(install)
    try:
        # a playlist would otherwise make ffmpeg open other files and addresses
        with open_regular(path) as file, av.open(file, options={"protocol_whitelist": "none"}) as container:
            _bound_pictures(container)
            yield container
    except (av.FFmpegError, OSError, ValueError, OverflowError, MemoryError) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a recording: {told}") from error


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
