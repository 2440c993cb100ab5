"""Cases that ``benchmarks/fuzz.py`` found, as small files."""

from __future__ import annotations

import wave

import numpy as np
import pytest
import tomli_w

from codaar_core.api import CodaarError, DataError
from codaar_core.cli import codaar
from codaar_core.cli.errors import run_command
from codaar_core.engine import read_lock

LOCK = {
    "format": 1,
    "packages": {"torch": "2.13.0"},
    "recipe": {"files": {"a.toml": "sha256:0"}, "overrides": {}},
    "components": {"data": {"name": "x:y", "source": "sha256:1"}},
    "data": {"origin": "made"},
}


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("components", {"data": {"name": "x:y"}}, "the component 'data' lacks one of name, source"),
        ("components", {"data": "x:y"}, "the component 'data' lacks one of name, source"),
        ("components", {"data": {"name": 3, "source": "a"}}, "the component 'data' lacks one of name, source"),
        ("components", None, "it has no table 'components'"),
        ("recipe", {"files": {}}, "'recipe' has no table 'overrides'"),
        ("recipe", "a.toml", "it has no table 'recipe'"),
        ("packages", [1], "it has no table 'packages'"),
    ],
)
def test_a_lock_without_some_of_its_parts(part, value, told, tmp_path, capsys):
    """Seed 21, run-directory 229: `codaar lock` ended with an unexpected KeyError."""
    changed = {key: each for key, each in {**LOCK, part: value}.items() if each is not None}
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(changed))
    with pytest.raises(CodaarError, match=r"lock\.toml is no complete lock: " + told):
        read_lock(tmp_path)
    assert run_command(codaar, ["lock", str(tmp_path)], "codaar") == 1
    assert f"is no complete lock: {told}" in capsys.readouterr().err


def test_a_complete_lock(tmp_path):
    (tmp_path / "lock.toml").write_text(tomli_w.dumps(LOCK))
    assert read_lock(tmp_path) == LOCK


def test_recordings_of_an_unknown_codec(tmp_path):
    """Seed 22, media 30: a stream without a decoder ended with an AttributeError."""
    av = pytest.importorskip("av")
    frames = pytest.importorskip("codaar_plugin_vgg.frames")
    sound_file = pytest.importorskip("codaar_plugin_vggish.sound_file")
    with av.open(str(tmp_path / "video.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    whole = (tmp_path / "video.mp4").read_bytes()
    assert len(list(frames.read_frames(tmp_path / "video.mp4", [0, 1]))) == 2
    (tmp_path / "unknown.mp4").write_bytes(whole.replace(b"mp4v", b"zzzz").replace(b"esds", b"zzzz"))
    with pytest.raises(DataError, match=r"unknown\.mp4: the codec of its pictures is unknown"):
        list(frames.read_frames(tmp_path / "unknown.mp4", [0]))

    with wave.open(str(tmp_path / "unknown.wav"), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    content = (tmp_path / "unknown.wav").read_bytes()
    at = content.index(b"fmt ") + 8
    (tmp_path / "unknown.wav").write_bytes(content[:at] + b"\xee\xee" + content[at + 2 :])
    with pytest.raises(DataError, match=r"unknown\.wav: the codec of its sound is unknown"):
        sound_file.read_sound(tmp_path / "unknown.wav")
