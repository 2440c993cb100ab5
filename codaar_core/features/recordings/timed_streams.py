"""Pictures and sound of a recording by presentation time: step k has what is seen and heard in its own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from codaar_core.api import DataError
from codaar_core.features.reading.recording import opened_recording, pyav
from codaar_core.features.recordings.exif import exif_orientation
from codaar_core.features.recordings.timeline import MOST_SECONDS, Timeline, measured, streams_of

if TYPE_CHECKING:
    from av.container import InputContainer

JITTER = 0.02  # seconds by which timestamps of sound may be off without a gap or an overlap
BACKWARDS = 0.1  # seconds by which timestamps of pictures may go back
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # samples a second
SEEN, HEARD = ("width", "pictures"), ("sample_rate", "sound")  # what their decoders have, and what they are called
EXIF_TURNS = {
    **{1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True)},
    **{5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True)},
}
"""By orientation: whether rows become columns, and whether the result is mirrored left to right and top to bottom."""


class Shown(NamedTuple):
    """A picture of a step."""

    step: int
    picture: np.ndarray  # (H, W, 3) uint8 in RGB, upright


def timed_frames(path: Path, seconds: float, samples: int, install: str) -> Iterator[Shown]:
    """Yield ``samples`` pictures for each step, in order; one is in memory at a time.

    They are those shown at the middles of ``samples`` equal parts of the step: the last with a timestamp not later. A
    time before the first picture has the first one, a time after the last one the last.

    Args:
        path: A recording, see ``opened_recording``.
        seconds: Length of a step, see ``ClockSettings``.
        samples: Pictures of each step, possibly the same several times.
        install: Requirement that installs PyAV.

    Raises:
        DataError: The file is damaged, cut off, too short or too long, has no pictures, or their size changes.
    """
    timeline = _timeline(path, install, *SEEN)
    steps = timeline.steps(path, seconds)
    with opened_recording(path, install) as container:
        frames = _upright_frames(container, path, timeline.start)
        shown, following = None, next(frames, None)
        if following is None:
            raise DataError(f"{path} has no picture that can be decoded")
        for step in range(steps):
            for sample in range(samples):
                time = (step + (sample + 0.5) / samples) * seconds
                while following is not None and (shown is None or following.time <= time):
                    shown, following = following, next(frames, None)
                assert shown is not None
                yield Shown(step, shown.picture())


def timed_sound(path: Path, seconds: float, rate: int, install: str, window: float | None = None) -> np.ndarray:
    """Read the sound of each step, (T, samples) float32 in -1..1: the mean of all channels.

    Times without sound, before the first and after the last sample or in a gap, are silent: zeros.

    Args:
        path: A recording, see ``opened_recording``.
        seconds: Length of a step, see ``ClockSettings``.
        rate: Samples a second of the result; ffmpeg resamples to it.
        install: Requirement that installs PyAV.
        window: Seconds around the middle of a step that are given for it; by default ``seconds``.

    Raises:
        DataError: The file is damaged, cut off, too short or too long, has no sound, or its format changes.
    """
    timeline = _timeline(path, install, *HEARD)
    steps = timeline.steps(path, seconds)
    width = round((seconds if window is None else window) * rate)
    starts = [round((step + 0.5) * seconds * rate - width / 2) for step in range(steps)]
    heard = np.zeros((steps, width), np.float32)
    for position, samples in _runs(path, timeline.start, rate, install):
        for row, start in zip(heard, starts, strict=True):
            first, last = max(start, position), min(start + width, position + len(samples))
            if first < last:
                row[first - start : last - start] = samples[first - position : last - position]
    return heard


def _timeline(path: Path, install: str, part: str, called: str) -> Timeline:
    with opened_recording(path, install) as container:
        _first_stream(container, path, part, called)
        return measured(container, path)


# Pictures


class _Frame:
    """A decoded picture; it becomes an array when it is first used."""

    def __init__(self, frame: Any, time: float) -> None:
        self.frame, self.time = frame, time
        self._picture: np.ndarray | None = None

    def picture(self) -> np.ndarray:
        if self._picture is None:
            self._picture = _upright(self.frame)
        return self._picture


def _turned(picture: np.ndarray, across_and_down: bool, right_to_left: bool, bottom_up: bool) -> np.ndarray:
    """Swap rows and columns of (H, W, 3) if asked to, then mirror the result."""
    if across_and_down:
        picture = picture.swapaxes(0, 1)
    return np.ascontiguousarray(picture[:: -1 if bottom_up else 1, :: -1 if right_to_left else 1])


def _upright(frame: Any) -> np.ndarray:
    """Turn a decoded frame into (H, W, 3) uint8 in RGB, turned and mirrored as its display matrix says."""
    picture = frame.to_ndarray(format="rgb24")
    try:
        found = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know another entry beside it; its rotation is counterclockwise
        return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))
    if found is None:
        return picture
    # where the axes of the stored picture point on the screen
    across_x, across_y, _, down_x, down_y = np.frombuffer(bytes(found), np.int32)[:5].tolist()
    if abs(across_y) + abs(down_x) > abs(across_x) + abs(down_y):
        return _turned(picture, True, down_x < 0, across_y < 0)
    return _turned(picture, False, across_x < 0, down_y < 0)


def first_picture(path: Path, install: str) -> np.ndarray:
    """Read the first picture of a file, (H, W, 3) uint8 in RGB, turned and mirrored as its EXIF data say.

    Raises:
        DataError: The file is damaged or has no picture.
    """
    with opened_recording(path, install) as container:
        for frame in container.decode(_first_stream(container, path, *SEEN)):
            return _turned(frame.to_ndarray(format="rgb24"), *EXIF_TURNS[exif_orientation(path)])
    raise DataError(f"{path} has no picture that can be decoded")


def _upright_frames(container: InputContainer, path: Path, start: float) -> Iterator[_Frame]:
    stream = _first_stream(container, path, *SEEN)
    stream.thread_type = "AUTO"
    gap = float(1 / stream.average_rate) if stream.average_rate else 0.0
    time, size = -gap, None
    for frame in container.decode(stream):
        now = time + gap if frame.time is None else frame.time - start
        if now < time - BACKWARDS:
            raise DataError(f"{path}: the timestamps of its pictures go back from {time:.2f} s to {now:.2f} s")
        time = max(time, now)
        size = size or (frame.width, frame.height)
        if size != (frame.width, frame.height):
            raise DataError(
                f"{path}: its pictures change from {size[0]} x {size[1]} to {frame.width} x {frame.height} pixels "
                f"at {time:.2f} s",
                "cut it there",
            )
        yield _Frame(frame, time)


def _first_stream(container: InputContainer, path: Path, part: str, called: str) -> Any:
    """The first stream of pictures or sound.

    Raises:
        DataError: There is none, or its codec is unknown.
    """
    found = streams_of(container, part)
    if found:
        return found[0]
    if any(each.codec_context is None and each.type not in ("data", "subtitle") for each in container.streams):
        raise DataError(f"{path}: the codec of its {called} is unknown")
    raise DataError(f"{path} has no {called}")


# Sound


def _runs(path: Path, start: float, rate: int, install: str) -> Iterator[tuple[int, np.ndarray]]:
    """Give the pieces of sound without gaps: position of the first sample, and samples (N,)."""
    with opened_recording(path, install) as container:
        stream = _first_stream(container, path, *HEARD)
        run: _Run | None = None
        known: tuple[Any, ...] | None = None
        for frame in container.decode(stream):
            now = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
            known = known or now
            _refuse_change(path, known, now, frame.time)
            time = None if frame.time is None else frame.time - start
            if run is not None and time is not None and abs(time - run.end) > JITTER:
                yield run.finished()
                run = None
            run = run or _Run(time or 0.0, rate, install)
            run.add(frame)
            if run.end > MOST_SECONDS:
                raise DataError(f"{path} has more than {MOST_SECONDS:,} s of sound", "cut it into shorter recordings")
        if run is not None:
            yield run.finished()


def _refuse_change(path: Path, known: tuple[Any, ...], now: tuple[Any, ...], time: float | None) -> None:
    if not LOWEST_RATE <= now[2] <= HIGHEST_RATE:
        raise DataError(
            f"{path} has {now[2]:,} samples of sound a second; expected {LOWEST_RATE:,} to {HIGHEST_RATE:,}"
        )
    if known != now:
        before, after = (f"{channels} channels at {rate:,} Hz ({name})" for name, channels, rate in (known, now))
        raise DataError(f"{path}: its sound changes from {before} to {after} at {time or 0:.2f} s", "cut it there")


class _Run:
    """Frames of sound without a gap between them."""

    def __init__(self, begin: float, rate: int, install: str) -> None:
        self.begin = self.end = begin
        self.rate = rate
        self.resampler = pyav(install).AudioResampler("fltp", rate=rate)
        self.pieces: list[np.ndarray] = []

    def add(self, frame: Any) -> None:
        self.end += frame.samples / frame.sample_rate
        frame.pts = None  # the resampler would fill or cut where timestamps are rounded
        self._resample(frame)

    def finished(self) -> tuple[int, np.ndarray]:
        self._resample(None)
        return round(self.begin * self.rate), np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.float32)

    def _resample(self, frame: Any) -> None:
        self.pieces += [each.to_ndarray().mean(0) for each in self.resampler.resample(frame)]
