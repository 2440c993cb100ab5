"""Small pictures of the stamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codaar_plugin_packaged.pictures import picture_on_white, squared

from codaar_core.features import pyav

INSTALL = "codaar-plugin-tuxpaint[features]"


def thumbnail(path: Path, size: int) -> bytes:
    """A PNG file of a picture in a white square of ``size`` cells.

    Raises:
        DataError: The file is damaged or has no picture.
    """
    av: Any = pyav(INSTALL)
    pixels = squared(picture_on_white(path), size).round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = size, size, "rgb24"
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return b"".join(bytes(packet) for each in (frame, None) for packet in encoder.encode(each))
