"""Files and folders are written completely or not at all."""

import errno
import hashlib
import os

import pytest

from codaar_core.api import CodaarError, DataError
from codaar_core.features.files import sha256_of, write_whole, writing, written_aside


def fail_flush(monkeypatch, code=errno.ENOSPC):
    """Let every flush to disk fail."""

    def fail(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize(("content", "stored"), [("ä\n", b"\xc3\xa4\n"), (b"\x00\xff", b"\x00\xff")])
def test_a_file_is_replaced_and_nothing_else_stays(tmp_path, content, stored):
    path = tmp_path / "results.json"
    path.write_text("old, and longer than the new content")
    write_whole(path, content)
    assert path.read_bytes() == stored
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, code):
    path = tmp_path / "results.json"
    path.write_text("old")
    fail_flush(monkeypatch, code)
    with pytest.raises(CodaarError) as end:
        write_whole(path, "new")
    assert end.value.message == f"cannot write {path}: {os.strerror(code)}"
    assert end.value.help == "make room, or write to another folder"
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error_with_the_given_help(tmp_path):
    path = tmp_path / "none" / "results.json"
    with pytest.raises(CodaarError, match="results.json: No such file or directory") as end:
        write_whole(path, "new", "choose run.directory")
    assert end.value.help == "choose run.directory"


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "best"
    path.mkdir()
    (path / "old").write_text("old")
    with written_aside(path) as aside:
        (aside / "inner").mkdir(parents=True)
        (aside / "inner" / "new").write_text("new")
    assert [each.relative_to(tmp_path).as_posix() for each in sorted(tmp_path.rglob("*"))] == [
        "best",
        "best/inner",
        "best/inner/new",
    ]


def test_a_failed_folder_keeps_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "best"
    path.mkdir()
    (path / "old").write_text("old")
    fail_flush(monkeypatch)
    with pytest.raises(CodaarError, match="No space left"), written_aside(path) as aside:
        aside.mkdir()
        (aside / "new").write_text("new")
    assert list(tmp_path.iterdir()) == [path] and (path / "old").read_text() == "old"


@pytest.mark.parametrize("error", [DataError("a bad clip"), KeyboardInterrupt()])
def test_other_errors_of_the_body_pass_unchanged(tmp_path, error):
    with pytest.raises(type(error)) as end, written_aside(tmp_path / "file") as aside:
        aside.write_text("half")
        raise error
    assert end.value is error
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_replaced(tmp_path):
    (tmp_path / ".file.partial").mkdir()
    (tmp_path / ".file.partial" / "half").write_text("half")
    write_whole(tmp_path / "file", "whole")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_an_error_without_a_system_message_is_told_in_full(tmp_path):
    with pytest.raises(CodaarError, match="cannot write .*: 12 requested and 4 written"), writing(tmp_path / "x"):
        raise OSError("12 requested and 4 written")


@pytest.mark.parametrize("size", [0, 3, (1 << 22) + 1])
def test_the_checksum_is_of_the_whole_file(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
