"""Opens recordings with PyAV: any format that ffmpeg reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from codaar_core.api import DataError

if TYPE_CHECKING:
    from av.container import InputContainer


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
        with path.open("rb") as file, av.open(file) as container:
            yield container
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a recording: {told}") from error


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
