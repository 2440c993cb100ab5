"""Reads members of zip files of strangers: each is unpacked in small pieces, up to a bound."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import attrs

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import open_regular, too_large

LOCAL = struct.Struct("<4s22xHH")  # local header: signature, lengths of name and extra field
SIGNATURE = b"PK\x03\x04"
MOST_MEMBERS = 2_000_000
ENCRYPTED = 1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FAILS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError)


@attrs.frozen
class Member:
    """Place and size of one member."""

    offset: int  # of its local header
    packed: int  # bytes in the file
    size: int  # bytes when unpacked, as stated
    method: int
    crc: int


def zip_members(path: Path, suffix: str) -> Mapping[str, Member]:
    """List the members with a suffix by their names without it; the directory of the file is read once.

    Raises:
        DataError: The file is missing or damaged, two members have one name, or a member is encrypted or packed by
            another method than deflate.
    """
    found: dict[str, Member] = {}
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = [info for info in archive.infolist() if info.filename.endswith(suffix) and not info.is_dir()]
        except FAILS as error:
            raise DataError(f"{path} is no complete zip file: {error}", "write this file again") from error
    if len(infos) > MOST_MEMBERS:
        raise DataError(f"{path} has {len(infos):,} members, at most {MOST_MEMBERS:,} are read", "divide it")
    for info in infos:
        name = info.filename.removesuffix(suffix)
        if name in found:
            raise DataError(f"{path} has two members {info.filename[:80]!r}", "write each clip once")
        if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
            raise DataError(f"{path}: {info.filename[:80]!r} is encrypted or not packed by deflate", "pack it again")
        found[name] = Member(info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
    return found


def read_member(path: Path, name: str, member: Member, most: int, beginning: int | None = None) -> bytes:
    """Unpack a member of at most ``most`` bytes, whatever its header states.

    Args:
        path: The zip file.
        name: Name of the member for messages.
        member: Its place.
        most: Largest number of bytes, packed and unpacked.
        beginning: Unpack only so many bytes; their checksum is then not compared.

    Raises:
        DataError: It is damaged or larger.
    """
    where = f"{path}: {name[:80]!r}"
    if beginning is None and max(member.size, member.packed) > most:
        raise too_large(where, most)
    wanted = most if beginning is None else beginning
    with open_regular(path) as file:
        try:
            file.seek(member.offset)
            signature, name_length, extra_length = LOCAL.unpack(file.read(LOCAL.size))
            if signature != SIGNATURE:
                raise ValueError("no local header where the directory states one")
            file.seek(name_length + extra_length, 1)
            packed = file.read(min(member.packed, wanted if member.method == zipfile.ZIP_STORED else most))
            content = _unpacked(packed, member.method, wanted)
        except FAILS as error:
            raise DataError(f"{where} cannot be unpacked: {error}", "write this file again") from error
    if beginning is not None:
        return content
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise DataError(f"{where} is damaged: it differs from its checksum", "write this file again")
    return content


def _unpacked(packed: bytes, method: int, most: int) -> bytes:
    """At most ``most`` bytes and one more."""
    if method == zipfile.ZIP_STORED:
        return packed
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most + 1)
