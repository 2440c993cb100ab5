"""The recordings of pretraining are recorded as hashes; where they are unknown, every report says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_run import toy_plan

from codaar_core import evaluate, report
from codaar_core.api import CodaarError
from codaar_core.engine import run
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes

NAMES = st.lists(st.text(), max_size=20)
NAMED = """
from codaar_core.features import SplitSubset


class NamedSplit(SplitSubset):
    first = 0

    @property
    def ids(self):
        return [f"recording {self.first + index}" for index in self.kept]


class NamedFeatures(toy_model.ToyFeatures):
    '''The same clips, with names.'''

    def split(self, name):
        return NamedSplit(super().split(name), range(40))


class NamedTask(toy_model.ToyTask):
    '''Half of its test clips are those of the data.'''

    def split(self, role, modality):
        named = NamedSplit(super().split(role, modality), range(10))
        named.first = 35 if role == "test" else 100
        return named
"""


@given(names=NAMES, other=NAMES)
def test_a_written_list_is_read(tmp_path_factory, names, other):
    file = tmp_path_factory.mktemp("clips") / PRETRAINING_CLIPS
    clips = RecordingHashes.of(names)
    clips.write(file)
    first, *lines = file.read_text().splitlines()
    assert first == "codaar-clips 1" and lines == sorted(set(lines)) and len(lines) == len(set(names))
    assert RecordingHashes.read(file) == clips
    assert clips.seen(other) == {index for index, name in enumerate(other) if name in names}
    assert clips.union(RecordingHashes.of(other)) == RecordingHashes.of([*names, *other])


def test_unknown_stays_unknown(tmp_path):
    unknown = RecordingHashes.of(None)
    unknown.write(tmp_path / "clips.txt")
    read = RecordingHashes.read(tmp_path / "clips.txt")
    assert read == unknown and (tmp_path / "clips.txt").read_text().splitlines()[1].startswith("unknown: ")
    assert read.union(RecordingHashes.of(["a"])).unknown == RecordingHashes.of(["a"]).union(read).unknown != ""
    assert RecordingHashes.read(tmp_path / "missing.txt").unknown


@pytest.mark.parametrize("content", [b"", b"clips 1\n", b"codaar-clips 1\nabc\n", b"codaar-clips 1\n\xff\n"])
def test_a_damaged_list_is_refused(tmp_path, content):
    (tmp_path / "clips.txt").write_bytes(content)
    with pytest.raises(CodaarError, match="clips.txt"):
        RecordingHashes.read(tmp_path / "clips.txt")


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = toy_plan(tmp_path_factory.mktemp("unnamed"), "run.epochs=1", "evaluate.seeds=[1]")
    return run(plan, write_report=report.write)


SAID = "unknown, seen clips cannot be counted"


def test_a_run_whose_clips_have_no_names_anywhere_has_no_note(unnamed):
    assert not json.loads((unnamed / "results.json").read_text())["notes"]
    assert SAID not in (unnamed / "report.html").read_text()


def test_benchmark_clips_with_names_get_one_note_where_those_of_pretraining_have_none(tmp_path):
    task = ["bench.toy.use='local:named-task'", "bench.toy.head.use='local:toy-head'"]
    plan = toy_plan(tmp_path, *task, "run.epochs=1", "evaluate.seeds=[1]", components=NAMED)
    directory = run(plan, write_report=report.write)
    (note,) = json.loads((directory / "results.json").read_text())["notes"]
    assert SAID in note and SAID in (directory / "report.html").read_text()


def test_a_missing_list_is_noted_for_clips_without_names_too(unnamed, tmp_path):
    model = shutil.copytree(unnamed, tmp_path / "earlier version", ignore=shutil.ignore_patterns("evaluations"))
    (model / PRETRAINING_CLIPS).unlink()
    again = evaluate(model, overrides=["evaluate.seeds=[2]"])
    (note,) = json.loads((again / "results.json").read_text())["notes"]
    assert SAID in note and f"no {PRETRAINING_CLIPS}" in note


def test_clips_of_unknown_recordings_cannot_be_dropped(unnamed):
    evaluations = len([*unnamed.glob("evaluations/*/bench")])
    with pytest.raises(CodaarError, match='evaluate.seen = "drop".*unknown, seen clips cannot be counted') as error:
        evaluate(unnamed, overrides=["evaluate.seen='drop'"])
    assert 'evaluate.seen = "keep"' in error.value.help
    assert len([*unnamed.glob("evaluations/*/bench")]) == evaluations, "nothing was evaluated"


def test_the_list_of_a_run_counts_seen_clips_in_later_evaluations(tmp_path):
    named = ["data.use='local:named-features'", "bench.toy.use='local:named-task'"]
    plan = toy_plan(tmp_path, *named, "bench.toy.head.use='local:toy-head'", "run.epochs=1", components=NAMED)
    directory = run(plan)
    assert RecordingHashes.read(directory / PRETRAINING_CLIPS).seen(["recording 39", "recording 40"]) == {0}
    again = evaluate(directory, overrides=["evaluate.seen='drop'", "evaluate.seeds=[1]"])
    overlap = [each for each in report.read(again).overlap if each.used_in == "pretraining"]
    counts = {(each.role, each.seen, each.clips, each.dropped) for each in overlap}
    assert counts == {("test", 5, 10, True), ("train", 0, 10, True)}
