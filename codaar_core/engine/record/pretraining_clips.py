"""pretraining_clips.txt: the recordings that a model was pretrained on, so that seen benchmark clips can be counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import attrs

from codaar_core.api import CodaarError
from codaar_core.features.files import write_whole

PRETRAINING_CLIPS = "pretraining_clips.txt"
HEADING = "codaar-clips 1"
UNKNOWN = "unknown: "
LENGTH = 16  # characters of the SHA-256 of a name; two of a million recordings share them with a probability below 1e-7
WITHOUT_NAMES = "the data source gives its clips no names"
MISSING = f"there is no {PRETRAINING_CLIPS} with the model"


@attrs.frozen
class RecordingHashes:
    """A set of recordings, by the hashes of their names; or unknown.

    Attributes:
        hashes: The first 16 hexadecimal characters of the SHA-256 of each name.
        unknown: Why the recordings are not known; empty if they are.
    """

    hashes: frozenset[str] = frozenset()
    unknown: str = ""

    @classmethod
    def of(cls, ids: Iterable[str] | None) -> RecordingHashes:
        """Return the recordings of clips with these names (``Split.ids``); unknown if they have no names."""
        return cls(unknown=WITHOUT_NAMES) if ids is None else cls(frozenset(map(_hash, ids)))

    @classmethod
    def read(cls, file: Path) -> RecordingHashes:
        """Read a file that ``write`` wrote; without a file, the recordings are unknown.

        Raises:
            CodaarError: The file cannot be read, is damaged, or was written by a newer codaar-core.
        """
        try:
            first, *lines = file.read_text("utf-8").splitlines() or [""]
        except FileNotFoundError:
            return cls(unknown=MISSING)
        except (OSError, ValueError) as error:
            raise _damaged(file, f"cannot be read: {error}") from error
        if first != HEADING:
            raise _damaged(file, f"does not begin with {HEADING!r}")
        if lines and lines[0].startswith(UNKNOWN):
            return cls(unknown=lines[0].removeprefix(UNKNOWN))
        if not all(map(_is_hash, lines)):
            raise _damaged(file, f"has a line that is not {LENGTH} hexadecimal characters")
        return cls(frozenset(lines))

    def write(self, file: Path) -> None:
        """Write the sorted hashes, one a line, or the line ``unknown: REASON``.

        Raises:
            CodaarError: The file cannot be written.
        """
        lines = [UNKNOWN + " ".join(self.unknown.split())] if self.unknown else sorted(self.hashes)
        write_whole(file, "".join(f"{line}\n" for line in (HEADING, *lines)))

    def contains(self, name: str) -> bool:
        """Whether the recording ``name`` is among the known ones."""
        return _hash(name) in self.hashes

    def seen(self, ids: Sequence[str]) -> set[int]:
        """Return the indices of clips that come from these recordings."""
        return {index for index, name in enumerate(ids) if self.contains(name)}

    def union(self, other: RecordingHashes) -> RecordingHashes:
        """Return the recordings of both; unknown if those of one are unknown."""
        if unknown := self.unknown or other.unknown:
            return RecordingHashes(unknown=unknown)
        return RecordingHashes(self.hashes | other.hashes)

    @property
    def digest(self) -> str:
        """SHA-256 of the set, to compare it with another."""
        return sha256("\n".join([self.unknown, *sorted(self.hashes)]).encode()).hexdigest()


def _hash(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:LENGTH]


def _is_hash(line: str) -> bool:
    return len(line) == LENGTH and set(line) <= set("0123456789abcdef")


def _damaged(file: Path, problem: str) -> CodaarError:
    help = f'restore it from a copy, or write the lines "{HEADING}" and "{UNKNOWN}the list is lost" into it'
    return CodaarError(f"{file} {problem}", help)
