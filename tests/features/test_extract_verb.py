"""codaar data extract: what it writes, what it keeps, what it refuses."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tomli

import codaar_core
from codaar_core.api import Space
from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import INTERRUPTED, run_command
from codaar_core.features import FileTrack, read_array

PLUGIN = '''
import attrs
import torch
from pathlib import Path
from codaar_core.api import DataError, Extractor, Space, setting


class Letters(Extractor):
    """How often each of three letters stands in a line; a step a line."""

    suffixes = (".text", ".txt")
    output = Space((3,))

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings."""

        weights: str = setting(help="file of three letters")
        factor: float = setting(1.0, "counts are multiplied by it")
        name: str = setting("letters", "what made the features")

    made_by = property(lambda self: self.config.name)
    weights = property(lambda self: (Path(self.config.weights),))

    def prepare(self):
        if not self.weights[0].exists():
            raise DataError(f"there is no file {self.weights[0]}", "write one")
        self.letters = self.weights[0].read_text().strip()

    def extract(self, source):
        content = source.read_text()
        if "stop" in content:
            raise KeyboardInterrupt
        if "?" in content:
            raise DataError(f"{source} is full of doubts")
        counts = [[line.count(letter) for letter in self.letters] for line in content.splitlines()]
        values = torch.tensor(counts).double() * self.config.factor
        return values / 0 if "zero" in content else values


class Sentences(Extractor):
    """Reads no files."""

    output = Space((1,))
    made_by = "nothing"

    def extract(self, source):
        return torch.zeros(1, 1)
'''
RECORDINGS = {"-first.txt": "abc\nabb\n", "second.TXT": "ccc\n", "deeper/third.text": "b\nb\nc\n"}
HIDDEN = (".hidden.txt", ".folder/hidden.txt")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("letters.py").write_text(PLUGIN)
    Path("abc.weights").write_text("abc\n")
    for name, content in RECORDINGS.items():
        record(name, content)
    for name in HIDDEN:
        record(name, "?")
    return tmp_path


def record(name: str, content: str) -> None:
    path = Path("recordings") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def call(capsys):
    def run(*more: str, name: str = "letters", recordings: str = "recordings") -> tuple[int, str, str]:
        given = (name, recordings, "--to", "features", "--plugin", "letters.py", "-o", "weights=abc.weights", *more)
        code = run_command(codaar, ["data", "extract", *given], "codaar")
        return code, *capsys.readouterr()

    return run


def there() -> list[str]:
    return sorted(path.name for path in Path("features").iterdir())


EVERYTHING = ["-first.npy", "extraction.toml", "second.npy", "third.npy"]


def test_every_recording_becomes_a_file_that_our_readers_read(call):
    assert call() == (0, "features: 3 recordings, 3 of them new, made by letters\n", "")
    assert there() == EVERYTHING
    found = read_array(Path("features/-first.npy"))
    assert found.dtype == np.float32 and found.tolist() == [[1, 1, 1], [1, 2, 0]]
    track = FileTrack(Path("features"), ["third", "-first"], Space((3,), 3), suffix=".npy")
    assert track.read(0).tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_a_note_says_what_made_them(call):
    call("-o", "factor=2")
    assert tomli.loads(Path("features/extraction.toml").read_text()) == {
        "made_by": "letters",
        "extractor": "local:letters",
        "settings": {"factor": 2.0, "name": "letters"},
        "weights": {"abc.weights": hashlib.sha256(b"abc\n").hexdigest()},
    }


def test_the_function_gives_the_same(call):
    more = {"settings": ["weights=abc.weights"], "plugins": ["letters.py"], "on": "cpu"}
    seen = []
    found = codaar_core.extract_features(
        "letters", "recordings", "features", **more, progress=lambda *each: seen.append(each)
    )
    assert (found.folder, found.made_by, found.recordings, found.new) == (Path("features"), "letters", 3, 3)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_is_there_is_not_extracted_again(call):
    call()
    before = Path("features/second.npy").stat().st_mtime_ns
    record("fourth.txt", "a\n")
    assert call()[:2] == (0, "features: 4 recordings, 1 of them new, made by letters\n")
    assert Path("features/second.npy").stat().st_mtime_ns == before


def test_a_broken_recording_does_not_stop_the_others(call):
    record("broken.txt", "?")
    record("infinite.txt", "zero\n")
    record("nothing.txt", "")
    code, out, error = call()
    assert (code, out) == (1, "")
    assert "3 of 6 recordings cannot be read, the others are in features:\n   recordings/broken.txt is full of" in error
    assert "\n   recordings/infinite.txt: 3 of 3 values are NaN or infinite" in error
    assert "\n   recordings/nothing.txt: expected the shape (steps, 3), it has (0,)\n   = help: repair" in error
    assert there() == EVERYTHING
    for name in ("broken.txt", "infinite.txt", "nothing.txt"):
        record(name, "a\n")
    assert call()[:2] == (0, "features: 6 recordings, 3 of them new, made by letters\n")


def test_an_interruption_keeps_what_is_done(call):
    record("middle.txt", "stop")
    assert call()[0] == INTERRUPTED
    assert there() == ["-first.npy", "extraction.toml", "third.npy"]  # in the order of paths
    record("middle.txt", "a\n")
    assert call()[:2] == (0, "features: 4 recordings, 2 of them new, made by letters\n")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_loses_nothing(error, call, monkeypatch):
    def full(_, written=[]):  # noqa: B006
        written.append(1)
        if len(written) == 5:  # each file is flushed, then its folder: this is the second recording
            raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        code, _, said = call()
    assert (
        code == 1
        and f"cannot write features/third.npy: {os.strerror(error)}" in said
        and "earlier features are kept" in said
    )
    assert there() == ["-first.npy", "extraction.toml"]
    assert call()[:2] == (0, "features: 3 recordings, 2 of them new, made by letters\n")


def test_a_file_is_no_folder_of_features(call):
    Path("features").write_text("")
    code, _, said = call()
    assert code == 1 and "cannot write features: File exists" in said and "choose another folder" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["name=others"], "features has features made with made_by = 'letters', now it is 'others'"),
        (["factor=3"], "made with settings = {'factor': 1.0, 'name': 'letters'}, now it is {'factor': 3.0, "),
        (["weights=other/abc.weights"], "made with weights = {'abc.weights': 'edeaaff3f1774ad2"),
    ],
)
def test_features_of_another_extractor_are_refused(more, said, call):
    call()
    record("fourth.txt", "a\n")
    Path("other").mkdir()
    Path("other/abc.weights").write_text("abd\n")
    code, _, error = call(*(word for each in more for word in ("-o", each)))
    assert code == 1 and said in error and "features of one extractor" in error
    assert there() == EVERYTHING


def test_weights_may_be_moved(call):
    call()
    Path("other").mkdir()
    shutil.move("abc.weights", "other/abc.weights")
    assert call("-o", "weights=other/abc.weights")[0] == 0


def test_a_damaged_record_is_an_error(call):
    call()
    Path("features/extraction.toml").write_text("made_by =")
    code, _, error = call()
    assert code == 1 and "features has features, but their record extraction.toml cannot be read" in error


def test_features_without_a_record_are_an_error(call):
    call()
    Path("features/extraction.toml").unlink()
    code, _, error = call()
    assert code == 1 and "features has features, but their record extraction.toml cannot be read" in error


def test_two_recordings_of_one_name_are_refused(call):
    record("elsewhere/second.text", "a\n")
    code, _, error = call()
    assert code == 1 and not Path("features").exists()
    assert "recordings/elsewhere/second.text and recordings/second.TXT would both become second.npy" in error


@pytest.mark.parametrize(
    ("more", "named", "code", "said"),
    [
        ([], {"name": "leters"}, 2, "did you mean 'letters'?"),
        ([], {"name": "sentences"}, 2, "[extractor] has no setting 'weights'"),
        (["-o", "factr=2"], {}, 2, "did you mean 'factor'?"),
        (["-o", "factor=two"], {}, 2, "extractor.factor: expected a number"),
        (["-o", "factor"], {}, 2, "expected path=value"),
        (["--on", "tpu"], {}, 2, "'tpu' is not one of"),
        (["-o", "weights=nowhere"], {}, 1, "there is no file nowhere\n   = help: write one"),
        ([], {"recordings": "nowhere"}, 1, "there is no folder nowhere"),
        ([], {"recordings": "empty"}, 1, "empty has no recording that local:letters reads\n   = help: it reads .text,"),
    ],
)  # fmt: skip
def test_slips(more, named, code, said, call):
    Path("empty").mkdir()
    found = call(*more, **named)
    assert found[0] == code and said in found[2]
    assert not Path("features").exists()


def test_sentences_are_no_recordings():
    with pytest.raises(codaar_core.api.CodaarError, match="local:sentences reads sentences, not recordings"):
        codaar_core.extract_features("sentences", "recordings", "features", plugins=["letters.py"])


def test_a_setting_that_must_be_given():
    with pytest.raises(codaar_core.api.CodaarError, match="needs 'weights'"):
        codaar_core.extract_features("letters", "recordings", "features", plugins=["letters.py"])


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(codaar_core.api.CodaarError, match="on = 'cuda': this machine has no such device"):
        codaar_core.extract_features(
            "letters", "recordings", "features", ["weights=abc.weights"], ["letters.py"], on="cuda"
        )
