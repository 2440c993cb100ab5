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
from codaar_core.api import DataError, Space
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
    """The length of each word."""

    output = Space((1,))
    made_by = "lengths"
    column = "text"

    def extract(self, source):
        if "?" in source:
            raise DataError(f"{source!r} is full of doubts")
        return torch.tensor([[float(len(word))] for word in source.split()])


class Lines(Extractor):
    """A step a line of a file, on the clock of recordings."""

    suffixes = (".txt",)
    output = Space((1,))
    made_by = "lines"

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings."""

        seconds: float = setting(1.0, "length of a step")
        every: int = setting(1, "lines between two steps")
        batch: int = setting(1, "does not change the features")

    seconds_per_step = property(lambda self: self.config.seconds)

    def extract(self, source):
        return torch.ones(len(source.read_text().splitlines()[:: self.config.every]), 1)
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
    with pytest.raises(codaar_core.api.CodaarError, match="local:sentences reads sentences, not recordings") as caught:
        codaar_core.extract_features("sentences", "recordings", "features", plugins=["letters.py"])
    assert caught.value.help == "name a table with the columns id and text"


def test_a_table_is_no_folder_of_recordings():
    Path("captions.csv").write_text("id,text\na,b\n")
    with pytest.raises(DataError, match="captions.csv is no folder"):
        codaar_core.extract_features(
            "letters", "captions.csv", "features", ["weights=abc.weights"], plugins=["letters.py"]
        )


# Several processes


def test_several_processes_do_the_same(call):
    record("broken.txt", "?")
    for number in range(8):
        record(f"{number}.txt", "abc\n" * (number + 1))
    code, _, error = call("--processes", "2")
    assert code == 1 and "1 of 12 recordings cannot be read" in error and "recordings/broken.txt is full of" in error
    assert [len(read_array(Path(f"features/{number}.npy"))) for number in range(8)] == list(range(1, 9))
    (Path("recordings") / "broken.txt").unlink()
    assert call("--processes", "2")[:2] == (0, "features: 11 recordings, 0 of them new, made by letters\n")


# Sentences

CAPTIONS = """id,text
one,a dog barks
two,"rain, wind and thunder"
-two,wind
two,a storm
"""


@pytest.fixture
def captions(capsys):
    def run(content: str) -> tuple[int, str, str]:
        Path("captions.csv").write_text(content)
        given = ("sentences", "captions.csv", "--to", "sentences", "--plugin", "letters.py")
        return run_command(codaar, ["data", "extract", *given], "codaar"), *capsys.readouterr()

    return run


def lengths(stem: str) -> list[float]:
    return read_array(Path("sentences") / f"{stem}.npy").ravel().tolist()


def test_every_sentence_becomes_a_file(captions):
    assert captions(CAPTIONS) == (0, "sentences: 4 sentences, 4 of them new, made by lengths\n", "")
    assert {stem: lengths(stem) for stem in ("one", "two#0", "two#1", "-two")} == {
        "one": [1, 3, 5], "two#0": [5, 4, 3, 7], "two#1": [1, 5], "-two": [4],
    }  # fmt: skip
    names = {path.name for path in Path("sentences").iterdir()}
    assert names == {"one.npy", "two#0.npy", "two#1.npy", "-two.npy", "extraction.toml", "sentences.csv"}
    assert captions(CAPTIONS)[1] == "sentences: 4 sentences, 0 of them new, made by lengths\n"


def test_a_changed_sentence_is_extracted_again(captions):
    captions(CAPTIONS)
    assert captions(CAPTIONS.replace("a dog barks", "a cat"))[1].startswith("sentences: 4 sentences, 1 of them new")
    assert lengths("one") == [1, 3]
    Path("sentences/sentences.csv").unlink()
    assert captions(CAPTIONS)[1].startswith("sentences: 4 sentences, 4 of them new")


def test_sentences_that_are_gone_are_named(captions):
    captions(CAPTIONS)
    said = "note: sentences has features of 1 sentences that are not among those given: one\n"
    assert captions(CAPTIONS.replace("one,a dog barks\n", ""))[2] == said


def test_rows_that_cannot_be_read_do_not_stop_the_others(captions):
    code, _, error = captions(CAPTIONS + "a/b,outside\nempty,\ndoubtful,what?\n")
    assert code == 1 and "3 of 7 sentences cannot be read, the others are in sentences:" in error
    assert "captions.csv:6: the id 'a/b' cannot be the name of a file" in error
    assert "captions.csv:7: malformed row" in error and "'what?' is full of doubts" in error
    assert lengths("two#1") == [1, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,caption\na,b\n", "captions.csv has no column 'text'"),
        ("id,text\n", "captions.csv has no sentence"),
        ("id,text\na#0,x\na,y\na,z\n", "captions.csv:3: another sentence becomes a#0.npy too"),
        ("", "captions.csv: expected 2 columns"),
    ],
)
def test_tables_that_are_refused(content, said, captions):
    code, _, error = captions(content)
    assert code == 1 and said in error and not Path("sentences").exists()


@pytest.fixture
def inline(capsys):
    def run(*given: str, name: str = "sentences") -> tuple[int, str, str]:
        words = (name, *given, "--to", "sentences", "--plugin", "letters.py")
        return run_command(codaar, ["data", "extract", *words], "codaar"), *capsys.readouterr()

    return run


def test_sentences_of_the_command_become_files(inline):
    given = ("one=a dog barks", "two= rain, a=b ", "two=wind")
    assert inline(*given) == (0, "sentences: 3 sentences, 3 of them new, made by lengths\n", "")
    assert {stem: lengths(stem) for stem in ("one", "two#0", "two#1")} == {
        "one": [1, 3, 5], "two#0": [5, 3], "two#1": [4],
    }  # fmt: skip
    assert inline("one=a cat", *given[1:])[1] == "sentences: 3 sentences, 1 of them new, made by lengths\n"
    sentences = {"one": "a cat", "two": ["rain, a=b", "wind"]}
    assert codaar_core.extract_features("sentences", sentences, "sentences", plugins=["letters.py"]).new == 0


def test_a_table_whose_name_looks_like_a_sentence_is_read(inline):
    Path("a=b.csv").write_text("id,speaker,text\nrain,anna,rain falls\n")
    assert inline("a=b.csv")[1].startswith("sentences: 1 sentences, 1 of them new")
    assert lengths("rain") == [4, 5]


@pytest.mark.parametrize(
    ("given", "name", "code", "said"),
    [
        (("one=a", "captions.csv"), "sentences", 2, "sentences as ID=SENTENCE, got 'captions.csv' too"),
        (("one=", "a/b=c"), "sentences", 1, "there is no sentence:\n   sentence 1 of 'one': it is empty"),
        (("=text",), "sentences", 1, "sentence 1 of '': the id '' cannot be the name of a file"),
        (("a=x", "a=y", "a#0=z"), "sentences", 1, "sentence 1 of 'a#0': another sentence becomes a#0.npy too"),
        (("one=a",), "lines", 1, "local:lines reads recordings, not sentences"),
        ((), "sentences", 2, "Missing argument 'FOLDER|TABLE|ID=SENTENCE...'"),
    ],
)
def test_sentences_of_the_command_that_are_refused(given, name, code, said, inline):
    found = inline(*given, name=name)
    assert found[0] == code and said in found[2] and not Path("sentences").exists()


def test_sentences_of_the_command_that_cannot_be_read_do_not_stop_the_others(inline):
    code, _, error = inline("one=a dog", "two=what?", "three=", "three=rain")
    assert code == 1 and "2 of 4 sentences cannot be read, the others are in sentences:" in error
    assert "sentence 1 of 'three': it is empty" in error and "repair or remove these sentences" in error
    assert lengths("one") == [1, 3] and lengths("three") == [4]


# Clock


@pytest.fixture
def lines(capsys):
    def run(to: str, *settings: str) -> tuple[int, str, str]:
        more = [word for each in settings for word in ("-o", each)]
        given = ("lines", "recordings", "--to", to, "--plugin", "letters.py", *more)
        return run_command(codaar, ["data", "extract", *given], "codaar"), *capsys.readouterr()

    return run


def test_the_record_has_the_clock(lines):
    lines("features/a", "seconds=0.5")
    assert tomli.loads(Path("features/a/extraction.toml").read_text())["clock"] == {"seconds": 0.5}


def test_features_on_another_clock_are_not_mixed(lines, tmp_path):
    lines("features/a")
    note = Path("features/a/extraction.toml")
    note.write_text(note.read_text().replace("[clock]\nseconds = 1.0\n", ""))  # as earlier versions wrote it
    code, _, error = lines("features/a")
    assert code == 1 and "features made with clock = None, now it is {'seconds': 1.0}" in error


def test_what_only_changes_the_speed_may_change(lines):
    assert lines("features/a")[0] == lines("features/a", "batch=7")[0] == 0


def test_other_lengths_of_the_same_clips_are_said(lines):
    record("long.txt", "a\n" * 9)
    assert lines("features/a")[2] == ""
    said = "note: 2 clips have another number of steps in features/a: -first (1, there 2), long (5, there 9)\n"
    assert lines("features/b", "every=2")[2] == said
    assert lines("features/c", "every=3", "seconds=2")[2] == ""  # another clock


def test_a_setting_that_must_be_given():
    with pytest.raises(codaar_core.api.CodaarError, match="needs 'weights'"):
        codaar_core.extract_features("letters", "recordings", "features", plugins=["letters.py"])


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(codaar_core.api.CodaarError, match="on = 'cuda': this machine has no such device"):
        codaar_core.extract_features(
            "letters", "recordings", "features", ["weights=abc.weights"], ["letters.py"], on="cuda"
        )
