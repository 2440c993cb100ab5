"""Tables of labels: wrong rows name file and line, tolerated ones are counted."""

from __future__ import annotations

import re

import pytest
from codaar_plugin_files.localization import labelled_steps
from codaar_plugin_files.tables import Segment, read_captions, read_labels, read_numbers, read_segments

from codaar_core.api import DataError

KNOWN = {"a": (), "b": ()}


def write(folder, *rows: str):
    path = folder / "table.csv"
    path.write_text("\n".join(rows), "utf-8")
    return path


def labels(path):
    return read_labels(path, "label", KNOWN)


def numbers(path):
    return read_numbers(path, (), KNOWN)


def segments(path):
    return read_segments(path, KNOWN, ("north", "east"))


def captions(path):
    return read_captions(path, KNOWN)


@pytest.mark.parametrize(
    ("read", "rows", "message"),
    [
        (labels, ("id,label", "a,dog", "a,cat"), "table.csv:3: 'a' is 'cat', and 'dog' in line 2"),
        (labels, ("id,name", "a,dog"), "table.csv has no column 'label'"),
        (labels, ("id,label", "a"), "table.csv:2: malformed row"),
        (numbers, ("id,x", "a,dog"), "table.csv:2: x is 'dog', expected a finite number"),
        (numbers, ("id,x", "a,nan"), "table.csv:2: x is 'nan', expected a finite number"),
        (numbers, ("id,x,y", "a,1,2", "a,1,3"), "table.csv:3: 'a' is 1, 3, and 1, 2 in line 2"),
        (numbers, ("id", "a"), "table.csv has no column of numbers"),
        (segments, ("id,start,end,label", "a,2,1,dog"), "table.csv:2: 'a' has a label from 2 s to 1 s"),
        (segments, ("id,start,end,label", "a,-1,1,dog"), "table.csv:2: 'a' has a label from -1 s"),
        (segments, ("id,start,end,label", "a,x,1,dog"), "table.csv:2: start is 'x'"),
        (segments, ("id,start,end,label,modality", "a,0,1,dog,west"), "table.csv:2: unknown modality 'west'"),
        (captions, ("id,text", "a,one, two"), "table.csv:2: malformed row"),
    ],
)
def test_wrong_rows_are_errors_with_their_line(tmp_path, read, rows, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read(write(tmp_path, *rows))


def test_tolerated_rows_are_counted(tmp_path):
    found = labels(write(tmp_path, "id,label", "a,dog", "a,dog", "x,cat"))
    assert found.of == {"a": "dog"} and found.classes == ("dog",)
    assert found.defects.counts == {
        "repeated id": 1,
        "label of an unknown clip left out": 1,
        "clip without label": 1,
    }
    assert str(found.defects.each[1]).endswith("table.csv:4: label of an unknown clip left out (x)")


def test_captions_without_clip_and_clips_without_caption(tmp_path):
    path = write(tmp_path, "id,text", "a,one", 'a,"two, three"', "x,four")
    assert list(map(str, captions(path))) == [
        f"{path}:4: caption without clip (x)",
        f"{path}: clip without caption (b)",
    ]


def test_segments_by_modality(tmp_path):
    found = segments(write(tmp_path, "id,start,end,label,modality", "a,0,1.5,dog,", "a,1,2,cat,east", "x,0,1,cow,"))
    assert [(each.label, each.modality) for each in found.of["a"]] == [("dog", ""), ("cat", "east")]
    assert found.classes == ("cat", "dog") and len(found.defects) == 1


@pytest.mark.parametrize(
    ("start", "end", "clock", "steps"),
    [(0, 1, 1, (0, 1)), (0.4, 2.6, 1, (0, 3)), (0.6, 2.4, 1, (1, 2)), (0.6, 0.8, 1, (0, 1)), (0, 1, 25, (0, 25))],
)
def test_steps_of_a_span(start, end, clock, steps):
    assert labelled_steps(Segment(start, end, "x", "", 1), clock) == steps
