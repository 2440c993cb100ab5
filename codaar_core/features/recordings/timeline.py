"""One clock for all streams of a recording: its length, and which part of it is which step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import and_, ge, le

from codaar_core.api import DataError, setting

if TYPE_CHECKING:
    from av.container import InputContainer

MOST_SECONDS = 3600  # of a recording
CUT = 0.5  # seconds that a header may promise beyond what the file has
DECLARED = ("avi", "flac", "matroska", "mov")  # formats whose header states the length
ROUNDING = 1e-6


@attrs.frozen(kw_only=True, slots=False)  # so that a Config can have another base with settings
class ClockSettings:
    """Settings of extractors whose steps follow the presentation timestamps of a recording.

    Time zero is the earliest timestamp of the recording's pictures and sound; step k is the time from
    ``k * seconds`` to ``(k + 1) * seconds``. The number of steps is ``round(length / seconds)``, a half rounded up: it
    depends on the recording only, so that all extractors give the same number for the same recording.
    """

    seconds: float = setting(1.0, "length of a step in seconds", and_(ge(0.01), le(MOST_SECONDS)))


@attrs.frozen
class Timeline:
    """Time zero and length of a recording.

    Attributes:
        start: Time zero, in seconds of the file's own timestamps.
        length: Seconds from the start of the first stream to the end of the last one.
    """

    start: float
    length: float

    def steps(self, path: Path, seconds: float) -> int:
        """Number of steps.

        Raises:
            DataError: The recording is shorter than half a step.
        """
        steps = int(self.length / seconds + 0.5 + ROUNDING)
        if not steps:
            raise DataError(
                f"{path} lasts {self.length:.2f} s, less than half a step of {seconds:g} s",
                "use a longer recording, or a smaller setting seconds",
            )
        return steps


def streams_of(container: InputContainer, part: str) -> list[Any]:
    """Streams whose decoder has an attribute: "width" of pictures, "sample_rate" of sound; covers are left out."""
    streams: list[Any] = list(container.streams)
    return [each for each in streams if hasattr(each.codec_context, part) and not _is_cover(each)]


def _is_cover(stream: Any) -> bool:
    return "attached_pic" in str(getattr(stream, "disposition", "")).lower()


def measured(container: InputContainer, path: Path) -> Timeline:
    """Measure a recording by the timestamps of all its packets, without decoding; it is at the end afterwards.

    Raises:
        DataError: It has no timestamps, is longer than an hour, or shorter than its header says.
    """
    streams = [each for part in ("width", "sample_rate") for each in streams_of(container, part)[:1]]
    extents: dict[int, tuple[float, float]] = {}
    for stream, first, last in _packets(container, streams):
        start, end = extents.get(stream.index, (first, last))
        extents[stream.index] = (min(start, first), max(end, last))
    if not extents:
        raise DataError(f"{path} has neither pictures nor sound that can be read")
    for stream in streams:  # decoders drop what stands before the stated start
        if stream.index in extents and stream.start_time is not None:
            stated = float(stream.start_time * stream.time_base)
            extents[stream.index] = (stated, max(stated, extents[stream.index][1]))
    start = min(first for first, _ in extents.values())
    length = max(last for _, last in extents.values()) - start
    _refuse_cut(container, streams, extents, path)
    if length > MOST_SECONDS:
        raise DataError(
            f"{path} lasts {length:,.0f} s; the most are {MOST_SECONDS:,} s", "cut it into shorter recordings"
        )
    return Timeline(start, length)


def _packets(container: InputContainer, streams: list[Any]) -> Iterator[tuple[Any, float, float]]:
    """Stream, start and end of each packet, in seconds."""
    gaps: dict[int, tuple[int, int]] = {}  # by stream: latest timestamp, and the gap before it
    for packet in container.demux(streams):
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or not packet.size:
            continue
        stream: Any = packet.stream
        before, gap = gaps.get(stream.index, (time, 0))
        gap = time - before if time > before else gap
        gaps[stream.index] = (max(time, before), gap)
        lasts = packet.duration or gap
        yield stream, float(time * stream.time_base), float((time + lasts) * stream.time_base)


def _refuse_cut(
    container: InputContainer, streams: list[Any], extents: dict[int, tuple[float, float]], path: Path
) -> None:
    """Refuse a file that ends before its header says; formats without a stated length cannot be checked."""
    if not any(name in container.format.name.split(",") for name in DECLARED):
        return
    stated = [
        (float(each.duration * each.time_base), extents.get(each.index, (0.0, 0.0)))
        for each in streams
        if each.duration is not None
    ]
    if not stated and container.duration is not None:
        first = min(start for start, _ in extents.values())
        last = max(end for _, end in extents.values())
        stated = [(container.duration / 1e6, (min(first, 0.0), last))]
    for promised, (start, end) in stated:
        if end - start < promised - CUT:
            raise DataError(
                f"{path} is cut off: its header says {promised:.1f} s, {max(end - start, 0):.1f} s are there",
                "copy the whole file again",
            )
