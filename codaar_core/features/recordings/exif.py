"""How a picture is to be turned and mirrored, by the EXIF data of its file."""

from __future__ import annotations

import struct
from pathlib import Path

from codaar_core.api.regular_file import open_regular

HEAD = 1 << 18  # bytes of a file in which EXIF data are looked for
ORIENTATION, SHORT = 0x112, 3  # tag and type of the entry
UPRIGHT = 1


def exif_orientation(path: Path) -> int:
    """Orientation of a JPEG or PNG file, 1 to 8; 1, upright, where none is stated or the data are damaged.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    with open_regular(path) as file:
        head = file.read(HEAD)
    try:
        return _orientation(_exif(head))
    except (struct.error, IndexError):
        return UPRIGHT


def _exif(head: bytes) -> bytes:
    """The TIFF structure in the first segment of a JPEG, or chunk of a PNG, that has EXIF data; empty without it."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        place = 8
        while place + 8 <= len(head):
            (size,), name = struct.unpack_from(">I", head, place), head[place + 4 : place + 8]
            if name == b"eXIf":
                return head[place + 8 : place + 8 + size]
            place += size + 12
        return b""
    place = 2
    while place + 4 <= len(head) and head[place] == 0xFF and head[place + 1] != 0xDA:  # up to the start of the scan
        (size,) = struct.unpack_from(">H", head, place + 2)
        segment = head[place + 4 : place + 2 + size]
        if head[place + 1] == 0xE1 and segment.startswith(b"Exif\0\0"):
            return segment[6:]
        place += size + 2
    return b""


def _orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for number in range(entries):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * number)
        if (tag, kind) == (ORIENTATION, SHORT):
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
