"""Previews of the recordings: their own second, in time, and what is said where they cannot be read."""

from __future__ import annotations

import io
import pickle
import wave
from pathlib import Path

import numpy as np
import pytest
from codaar_plugin_files.source import Files

from codaar_core.api import DataContext, DataError, Picture, Words
from codaar_core.testing.environment.previews import preview_problem

av = pytest.importorskip("av")
from codaar_core.testing.toy_recordings import write_film  # noqa: E402

MODALITIES = ("seen", "heard", "read")
SHOWN = {"pictures": {"seen": "films"}, "sounds": {"heard": "films"}, "sentences": {"read": "captions.csv"}}
BRIGHTNESS = (40, 120, 200)  # of each second
TONES = (200, 400, 800)  # Hz


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A film of three seconds, each with its own brightness and tone; a picture; a clip without recording."""
    folder = tmp_path_factory.mktemp("shown")
    for modality in MODALITIES:
        (folder / modality).mkdir()
    for name in ("film", "gone"):
        np.save(folder / "seen" / f"{name}.npy", np.zeros((3, 4), np.float32))
        np.save(folder / "heard" / f"{name}.npy", np.zeros((3, 4), np.float32))
    np.save(folder / "read" / "film#0.npy", np.zeros((2, 4), np.float32))
    np.save(folder / "read" / "film#1.npy", np.zeros((2, 4), np.float32))
    (folder / "captions.csv").write_text("id,text\nfilm,it grows bright\nfilm,it grows high\n")
    (folder / "films").mkdir()
    write_film(
        folder / "films" / "film.mkv",
        list(np.arange(75) / 25),
        lambda time: (BRIGHTNESS[int(time)],) * 3,
        lambda times: 0.2 * np.sin(2 * np.pi * np.array(TONES)[np.minimum(times.astype(int), 2)] * times),
        (0, 3),
    )
    return folder


def split(root: Path, **settings):
    features = {modality: modality for modality in MODALITIES}
    config = Files.Config(root=str(root), features=features, **{**SHOWN, **settings})
    return Files(config, DataContext(MODALITIES)).split("pretrain")


def brightness(preview: Picture) -> int:
    with av.open(io.BytesIO(preview.content)) as picture:
        return round(float(next(picture.decode(video=0)).to_ndarray(format="rgb24").mean()))


def tone(content: bytes) -> float:
    """The strongest frequency in Hz."""
    with wave.open(io.BytesIO(content)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.uint8).astype(float) - 128
        return float(np.abs(np.fft.rfft(samples)).argmax() * sound.getframerate() / len(samples))


def test_every_step_shows_its_own_second(folder):
    shown = pickle.loads(pickle.dumps(split(folder)))
    pictures, sounds = ([shown.preview(0, modality, step) for step in range(3)] for modality in ("seen", "heard"))
    assert [brightness(each) for each in pictures] == pytest.approx(BRIGHTNESS, abs=2)
    assert [tone(each.content) for each in sounds] == pytest.approx(TONES, abs=3)
    assert pictures[1].alt == sounds[1].alt == "film, 1 s to 2 s"
    assert not [found for each in (*pictures, *sounds) if (found := preview_problem(each))]
    assert shown.preview(0, "read", 1) == Words("it grows bright")


def test_steps_of_another_clock(folder):
    shown = split(folder, rate=dict.fromkeys(MODALITIES, 2.0))
    assert [brightness(shown.preview(0, "seen", step)) for step in range(3)] == pytest.approx([40, 40, 120], abs=2)
    assert tone(shown.preview(0, "heard", 2).content) == pytest.approx(400, abs=3)


def test_where_there_is_nothing_to_show(folder):
    shown = split(folder)
    assert list(shown.ids) == ["film", "gone"]
    assert [shown.preview(1, modality, 0) for modality in MODALITIES] == [None] * 3
    assert shown.preview(0, "seen", 3) is None and shown.preview(0, "read", 2) is None
    assert shown.preview(0, "touched", 0) is None
    assert split(folder, pictures=None).preview(0, "seen", 0) is None


def test_recordings_that_cannot_be_read(folder, tmp_path):
    with pytest.raises(DataError, match="there is no folder of recordings .*nowhere"):
        split(folder, pictures={"seen": "nowhere"}).preview(0, "seen", 0)
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(DataError, match="film.mp4 cannot be read as a recording"):
        split(folder, pictures={"seen": str(tmp_path)}).preview(0, "seen", 0)
    (tmp_path / "film.avi").write_text("no film either")
    with pytest.raises(DataError, match="film.avi and .*film.mp4 have one name"):
        split(folder, sounds={"heard": str(tmp_path)}).preview(0, "heard", 0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pictures": {"touched": "films"}}, "'touched', which is not in `features`"),
        ({"sounds": {"seen": "films"}}, "'sounds' and 'pictures' both have 'seen'"),
    ],
)
def test_settings_that_are_refused(settings, said, folder):
    with pytest.raises(ValueError, match=said):
        split(folder, **settings)
