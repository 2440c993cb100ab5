"""timed_sound, timed_frames, Shown, first_picture, ClockSettings, FILMS, PICTURES, SOUNDS

All extractors of recordings share one clock, so that a film has the same number of steps in every modality:
"""

import wave
from pathlib import Path

import attrs

from codaar_core.api import DataError
from codaar_core.features import (
    FILMS,
    PICTURES,
    SOUNDS,
    ClockSettings,
    Shown,
    first_picture,
    timed_frames,
    timed_sound,
)
from codaar_core.testing.toy_recordings import write_film, write_png


@attrs.frozen(kw_only=True)
class Config(ClockSettings):
    """Settings of an extractor with half a second a step: Config(seconds=0.5)."""


with wave.open("silence.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(bytes(2 * 8000 * 3))
write_png(Path("noise.png"), seed=0)
clock, install = Config(), "codaar-plugin-vggish[media]"
assert {".wav", ".mp4", ".png"} <= {*SOUNDS, *FILMS, *PICTURES}

try:
    assert timed_sound(Path("silence.wav"), clock.seconds, rate=16_000, install=install).shape == (3, 16_000)
    assert first_picture(Path("noise.png"), install).shape == (48, 48, 3)
    write_film(Path("dark.mkv"), [0.0, 0.5, 1.0, 1.5], lambda time: (round(50 * time), 0, 0))
    shown: list[Shown] = list(timed_frames(Path("dark.mkv"), clock.seconds, samples=1, install=install))
    assert [(each.step, each.picture.max()) for each in shown] == [(0, 25), (1, 75)]
except DataError as error:
    assert error.help == "pip install 'codaar-plugin-vggish[media]'"
except ImportError:
    pass  # write_film needs PyAV
