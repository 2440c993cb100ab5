"""Checks whether a preview can be shown: a readable, small file of its kind."""

from __future__ import annotations

import io
import struct
import wave
import zlib

from codaar_core.api import Picture, Sound, Words

LARGEST = 200_000  # bytes; `codaar atlas` leaves out larger ones
LONGEST = 300  # letters; `codaar atlas` cuts longer words
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def preview_problem(preview: object) -> str:
    """Say why a preview cannot be shown; empty if it can."""
    if isinstance(preview, Words):
        return "" if 0 < len(preview.words) <= LONGEST else f"has {len(preview.words)} letters, not 1 to {LONGEST}"
    if not isinstance(preview, (Picture, Sound)):
        return f"is {type(preview).__name__}, not Picture, Sound or Words"
    if len(preview.content) > LARGEST:
        return f"has {len(preview.content):,} bytes, more than {LARGEST:,}"
    if not preview.alt.strip():
        return "has no alt, the description for those who cannot see or hear it"
    try:
        _decode_png(preview.content) if isinstance(preview, Picture) else _decode_wav(preview.content)
    except (ValueError, struct.error, zlib.error, wave.Error, EOFError) as error:
        return f"is no readable {'PNG' if isinstance(preview, Picture) else 'WAV'} file: {error}"
    return ""


def _decode_png(content: bytes) -> None:
    """Decompress a PNG file without interlacing.

    Raises:
        ValueError: It is damaged.
    """
    if not content.startswith(SIGNATURE):
        raise ValueError("it has another signature")
    place, packed, size = len(SIGNATURE), b"", None
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        chunk, (checksum,) = (
            content[place + 8 : place + 8 + length],
            struct.unpack_from(">I", content, place + 8 + length),
        )
        if zlib.crc32(kind + chunk) != checksum:
            raise ValueError(f"wrong checksum of {kind.decode('ascii', 'replace')}")
        size = struct.unpack(">IIBBBBB", chunk) if kind == b"IHDR" else size
        packed += chunk if kind == b"IDAT" else b""
        place += 12 + length
    if size is None:
        raise ValueError("it has no header")
    width, height, depth, colour = size[:4]
    expected = height * (1 + (width * CHANNELS[colour] * depth + 7) // 8)
    found = len(zlib.decompress(packed))
    if size[6] == 0 and found != expected:
        raise ValueError(f"{found} bytes of pixels, not {expected}")


def _decode_wav(content: bytes) -> None:
    """Read a WAV file.

    Raises:
        ValueError: It has no samples.
    """
    with wave.open(io.BytesIO(content)) as sound:
        if not sound.readframes(sound.getnframes()):
            raise ValueError("it has no samples")
