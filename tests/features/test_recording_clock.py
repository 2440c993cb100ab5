"""Steps of recordings follow presentation time: each step shows and sounds its own second, whatever the film."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from codaar_core.api import DataError
from codaar_core.features import first_picture, timed_frames, timed_sound
from codaar_core.testing.toy_recordings import FILM_RATE, write_film, write_png, write_wav

av = pytest.importorskip("av", reason="films are written by PyAV")
BASE, SLOPE = 500, 200  # Hz at time zero, and Hz a second of the rising tone


def colour_of(time: float) -> tuple[int, int, int]:
    """Time in milliseconds as a colour."""
    return round(time * 1000) // 256, round(time * 1000) % 256, 0


def time_of(picture: np.ndarray) -> float:
    red, green, _ = picture[0, 0].tolist()
    return (red * 256 + green) / 1000


def rising(times: np.ndarray) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * (BASE * times + SLOPE * times**2 / 2))


def heard_at(samples: np.ndarray) -> float:
    """The time that the mean frequency of a tone tells, by its zero crossings."""
    crossings = np.flatnonzero(np.diff(samples > 0))
    frequency = (len(crossings) - 1) / 2 / (crossings[-1] - crossings[0]) * FILM_RATE
    middle = (crossings[-1] + crossings[0]) / 2 / FILM_RATE
    return (frequency - BASE) / SLOPE - middle + len(samples) / FILM_RATE / 2


def every(gap: float, start: float, end: float) -> list[float]:
    return list(np.arange(round((end - start) / gap)) * gap + start)


FILMS = {
    "constant": (every(0.04, 0, 5), (0, 5), 5),
    "ntsc": (every(1001 / 30000, 0, 5), (0, 5), 5),
    "fast then slow": (every(0.02, 0, 2) + every(0.2, 2, 10), (0, 10), 10),
    "nineteen frames": (every(1 / 1.9, 0, 10), (0, 10), 10),
    "nine frames": (every(1 / 0.9, 0, 10), (0, 10), 10),
    "late sound": (every(0.04, 0, 5), (2, 5), 5),
    "early end of sound": (every(0.04, 0, 5), (0, 3), 5),
    "short": (every(0.04, 0, 1), (0, 0.98), 1),
    "long": (every(0.2, 0, 25), (0, 25), 25),
    "9.999 s": (every(0.1, 0, 9.9), (0, 9.999), 10),
}
"""Timestamps of pictures, first and last second of sound, number of steps."""


@pytest.fixture(scope="module", params=[".mkv", ".mov"])
def films(request, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    paths = {name: folder / f"{name}{request.param}" for name in FILMS}
    for name, (times, sound, _) in FILMS.items():
        write_film(paths[name], times, colour_of, rising, sound)
    return paths


@pytest.mark.parametrize("name", FILMS)
def test_every_step_shows_its_own_second(name, films):
    times, _, steps = FILMS[name]
    shown = [(each.step, time_of(each.picture)) for each in timed_frames(films[name], 1.0, 16, "x")]
    assert [step for step, _ in shown] == [step for step in range(steps) for _ in range(16)]
    displayed = np.array(times)
    ends = np.append(displayed[1:], max(displayed[-1], steps))
    for sample, (_, time) in enumerate(shown):  # each picture is on the screen at the time of its sample
        frame = np.abs(displayed - time).argmin()
        assert abs(displayed[frame] - time) < 2e-3
        assert displayed[frame] - 2e-3 <= (sample + 0.5) / 16 < ends[frame] + 2e-3


@pytest.mark.parametrize("name", ["constant", "ntsc"])
def test_steps_are_right_within_half_a_frame(name, films):
    times, _, steps = FILMS[name]
    shown = np.array([time_of(each.picture) for each in timed_frames(films[name], 1.0, 64, "x")])
    middle_of_display = shown.reshape(steps, 64).mean(1) + (times[1] - times[0]) / 2
    assert np.abs(middle_of_display - np.arange(steps) - 0.5).max() < (times[1] - times[0]) / 2


@pytest.mark.parametrize("name", FILMS)
def test_every_step_sounds_its_own_second(name, films):
    _, (first, last), steps = FILMS[name]
    heard = timed_sound(films[name], 1.0, FILM_RATE, "x")
    assert heard.shape == (steps, FILM_RATE)
    for step, samples in enumerate(heard):
        if first <= step and step + 1 <= last:
            assert abs(heard_at(samples) - step - 0.5) < 0.01
        elif step + 1 <= first or step >= last:
            assert not samples.any()
    exact = np.zeros(steps * FILM_RATE)
    times = np.arange(round(first * FILM_RATE), round(last * FILM_RATE))
    exact[times] = rising(times / FILM_RATE)
    np.testing.assert_allclose(heard.ravel(), exact, atol=1e-4)


@pytest.mark.parametrize(("suffix", "zero"), [(".avi", 0), (".m4v", 0), (".mp4", 0), (".mpg", 0.0301)])
def test_other_formats_show_the_right_picture_too(suffix, zero, tmp_path):
    """Eight levels of grey in turn, which lossy codecs keep apart; the encoder of .mpg sound adds ``zero`` seconds."""
    path = tmp_path / f"x{suffix}"
    write_film(path, every(0.04, 0, 5), lambda time: (30 * (round(25 * time) % 8),) * 3, rising, (0, 5))
    shown = [round(each.picture.mean() / 30) for each in timed_frames(path, 1.0, 64, "x")]
    assert len(shown) == 5 * 64
    late = [int(max((n + 0.5) / 64 - zero, 0) * 25) - grey for n, grey in enumerate(shown)]
    assert {pictures % 8 for pictures in late} <= ({0, 1} if zero else {0})  # ffmpeg's .mpg shows some for two frames
    heard = timed_sound(path, 1.0, FILM_RATE, "x")
    assert max(abs(heard_at(samples) + zero - step - 0.5) for step, samples in list(enumerate(heard))[1:]) < 0.02


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 10), (2.0, 3), (0.96, 5)])
def test_another_length_of_steps(seconds, steps, films):
    shown = list(timed_frames(films["constant"], seconds, 1, "x"))
    assert len(shown) == steps == len(timed_sound(films["constant"], seconds, FILM_RATE, "x"))
    for step, each in enumerate(shown):
        assert 0 <= min((step + 0.5) * seconds, 4.96) - time_of(each.picture) <= 0.04 + 1e-6


def test_a_window_is_around_the_middle_of_its_step(films):
    wide, plain = (timed_sound(films["constant"], 1.0, FILM_RATE, "x", window) for window in (3.0, None))
    assert wide.shape == (5, 3 * FILM_RATE) and not wide[0, :FILM_RATE].any()
    np.testing.assert_array_equal(wide[1:4].reshape(3, 3, FILM_RATE), [plain[0:3], plain[1:4], plain[2:5]])


@pytest.mark.parametrize(
    ("samples", "steps"), [(8 * 999, 1), (8 * 980, 1), (8 * 500, 1), (8 * 9999, 10), (8 * 1499, 1)]
)
def test_a_rest_of_half_a_step_counts(samples, steps, tmp_path):
    path = sound_file(tmp_path / "x.wav", np.ones((samples, 1), "<i2"), 8_000)
    assert len(timed_sound(path, 1.0, 8_000, "x")) == steps


def test_sound_at_its_own_rate_is_not_changed(tmp_path):
    values = np.random.default_rng(0).integers(-32_768, 32_768, (16_000, 2), np.int16)
    found = timed_sound(sound_file(tmp_path / "x.wav", values, 16_000), 1.0, 16_000, "x")
    np.testing.assert_allclose(found[0], (values / 32_768).mean(1), atol=1e-7)


# Rotation


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_films_of_turned_telephones_are_upright(degrees, tmp_path):
    path = tmp_path / "x.mov"
    write_corner(path)
    one = 1 << 16
    matrix = {0: (one, 0, 0, one), 90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    struct.pack_into(">iiiii", content, place, *matrix[:2], 0, *matrix[2:])
    path.write_bytes(content)
    (shown,) = timed_frames(path, 1.0, 1, "x")
    corners = [(0, 0), (0, -1), (-1, -1), (-1, 0)]  # clockwise
    assert shown.picture.shape == ((48, 64, 3), (64, 48, 3))[degrees % 180 // 90]
    assert [corner for corner in corners if shown.picture[corner].sum() > 600] == [corners[degrees // 90]]


def write_corner(path: Path) -> None:
    """A film of a second with a white corner at the top left."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(corner(), "rgb24")))
        container.mux(stream.encode(None))


def corner() -> np.ndarray:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:16, :16] = 255
    return picture


# As the standard says: where row 0 and column 0 of the stored picture are to be seen
EXIF = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}


@pytest.mark.parametrize("orientation", EXIF)
def test_pictures_are_turned_as_exif_says(orientation, tmp_path):
    path = tmp_path / "x.jpg"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(corner(), "rgb24")))
        container.mux(stream.encode(None))
    tiff = b"MM\0\x2a\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    content = path.read_bytes()
    path.write_bytes(content[:2] + segment + content[2:])
    found = first_picture(path, "x")
    assert found.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    bright = [place for place in ((0, 0), (0, -1), (-1, -1), (-1, 0)) if found[place].sum() > 600]
    assert bright == [EXIF[orientation]]


# What is wrong


def sound_file(path: Path, values: np.ndarray, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(values.astype("<i2").tobytes())
    return path


def cut_sound(path: Path) -> Path:
    write_wav(path, 0)
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def cut_film(path: Path) -> Path:
    """A film whose header stands before its pictures, cut in the middle."""
    write_film(path, every(0.04, 0, 5), lambda time: (round(50 * time) % 256, round(900 * time) % 256, 7))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def text(path: Path) -> Path:
    path.write_text("a story, not a film\n" * 99)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def playlist(path: Path) -> Path:
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path.parent}/other.mp4\n#EXT-X-ENDLIST\n")
    return path


def concatenation(path: Path) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile '{path.parent}/other.mp4'\n")
    return path


def one_hertz(path: Path) -> Path:
    return sound_file(path, np.zeros((100, 1)), 1)


def short(path: Path) -> Path:
    return sound_file(path, np.zeros((3_000, 1)), 8_000)


def silent_film(path: Path) -> Path:
    write_film(path, every(0.04, 0, 1), colour_of)
    return path


def changing(path: Path) -> Path:
    """Sound that becomes stereo: two streams one after the other."""
    parts = []
    for channels, layout in ((1, "mono"), (2, "stereo")):
        with av.open(str(path), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=16_000, layout=layout)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000 * channels), np.int16), "s16", layout)
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("x.wav", cut_sound, "x.wav is cut off: its header says 96,044 bytes, 20,000 are there"),
        ("x.mov", cut_film, "x.mov cannot be read as a recording: "),  # its table stands at the end
        ("x.mp4", text, "x.mp4 cannot be read as a recording: "),
        ("x.mp4", empty, "x.mp4 cannot be read as a recording: it is empty"),
        ("x.mp4", playlist, "x.mp4 cannot be read as a recording: "),
        ("x.mp4", concatenation, "x.mp4 cannot be read as a recording: its format is not one of "),
        ("x.wav", one_hertz, "x.wav has 1 samples of sound a second; expected 1,000 to 768,000"),
        ("x.wav", short, "x.wav lasts 0.3[78] s, less than half a step of 1 s"),
        ("x.mp4", silent_film, "x.mp4 has no sound"),
        ("x.aac", changing, "x.aac: its sound changes from 1 channels at 16,000 Hz .* to 2 channels at 16,000 Hz"),
    ],
)
def test_sound_that_cannot_be_read(name, write, said, tmp_path):
    with pytest.raises(DataError, match=said):
        timed_sound(write(tmp_path / name), 1.0, 16_000, "x")


def test_a_film_cut_in_two_is_refused_for_its_pictures_too(tmp_path):
    with pytest.raises(DataError, match="is cut off"):
        list(timed_frames(cut_film(tmp_path / "x.mkv"), 1.0, 1, "x"))


def test_pictures_of_another_size_in_the_middle_are_refused(tmp_path):
    path = tmp_path / "x.mpg"
    parts = []
    for size in (48, 64):
        with av.open(str(path), "w", format="mpeg2video") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
            for _ in range(25):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((size, size, 3), np.uint8), "rgb24")))
            container.mux(stream.encode(None))
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))
    with pytest.raises(DataError, match=r"its pictures change from 48 x 48 to 64 x 64 pixels at \d.\d\d s"):
        list(timed_frames(path, 1.0, 1, "x"))


def test_sound_has_no_pictures(tmp_path):
    write_wav(tmp_path / "x.mp4", 0)
    with pytest.raises(DataError, match="x.mp4 has no pictures"):
        list(timed_frames(tmp_path / "x.mp4", 1.0, 1, "x"))


def test_a_picture_is_read(tmp_path):
    write_png(tmp_path / "x.png", 0)
    assert first_picture(tmp_path / "x.png", "x").shape == (48, 48, 3)


@pytest.mark.parametrize(("width", "zero"), [(1, 128), (3, 0), (4, 0)])
def test_other_widths_of_samples(width, zero, tmp_path):
    """8 bits, 24 and 32: half of the full scale."""
    value = {1: bytes([192]), 3: (1 << 22).to_bytes(3, "little"), 4: (1 << 30).to_bytes(4, "little")}[width]
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(16_000)
        file.writeframes(value * 16_000)
    np.testing.assert_allclose(timed_sound(tmp_path / "x.wav", 1.0, 16_000, "x"), 0.5, atol=1e-6)
