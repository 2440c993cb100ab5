"""Splits by table, lists and shares; groups stay together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from codaar_plugin_files.division import by_lists, by_table, divided, hashed, read_groups

from codaar_core.api import DataError

SHARES = {"pretrain": 0.8, "validation": 0.1, "test": 0.1}
CLIPS = [f"clip-{number}" for number in range(4000)]
SPEAKERS = {clip: f"speaker-{number % 700}" for number, clip in enumerate(CLIPS)}
KNOWN = dict.fromkeys(["a", "b", "c", "d"])


def table(folder: Path, *rows: str) -> Path:
    path = folder / "splits.csv"
    path.write_text("\n".join(("id,split", *rows)), "utf-8")
    return path


def test_shares_keep_groups_together_and_are_close():
    splits = hashed(CLIPS, SHARES, SPEAKERS, 0).splits
    assert sorted(clip for each in splits.values() for clip in each) == sorted(CLIPS)
    speakers = [{SPEAKERS[clip] for clip in each} for each in splits.values()]
    assert not speakers[0] & speakers[1] and not speakers[0] & speakers[2] and not speakers[1] & speakers[2]
    for name, share in SHARES.items():
        assert abs(len(splits[name]) / len(CLIPS) - share) < 0.04


def test_new_clips_move_no_other():
    def where(clips):
        return {clip: name for name, each in hashed(clips, SHARES, {}, 0).splits.items() for clip in each}

    before, after = where(CLIPS[:100]), where(["new", *CLIPS])
    assert all(after[clip] == split for clip, split in before.items())
    assert Counter(before.values()) == {"pretrain": 80, "validation": 11, "test": 9}  # the hash never changes


def test_another_draw_divides_anew():
    assert hashed(CLIPS, SHARES, {}, 0) != hashed(CLIPS, SHARES, {}, 1)


def test_a_table_and_its_defects(tmp_path):
    path = table(tmp_path, "a,train", "b,test", "a,train", "x,test", "c,pretrain")
    found = divided(by_table(path), KNOWN, {})
    assert found.splits == {"train": ("a",), "test": ("b",), "pretrain": ("c",)}
    assert list(map(str, found.defects)) == [
        f"{path}:4: repeated id left out (a)",
        f"{path}:5: id without features left out (x)",
        "d: clip in no split",
    ]


def test_pretraining_may_share_clips_with_training_only(tmp_path):
    for name, ids in (("one", "a\nb\n"), ("two", "b\n\nc\n")):
        (tmp_path / name).write_text(ids)
    one, two = tmp_path / "one", tmp_path / "two"
    both = divided(by_lists({"pretrain": one, "train": two}), KNOWN, {}).splits
    assert both == {"pretrain": ("a", "b"), "train": ("b", "c")}
    with pytest.raises(DataError, match=r"two:1: the clip 'b' is in 'test', and in 'train' by .*one:2"):
        divided(by_lists({"train": one, "test": two}), KNOWN, {})


def test_a_group_in_two_splits_is_refused(tmp_path):
    path = table(tmp_path, "a,train", "b,test")
    with pytest.raises(DataError, match=r"splits.csv:3: the group 'anna' is in 'test', and in 'train' by .*csv:2"):
        divided(by_table(path), KNOWN, {"a": "anna", "b": "anna"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "id,speaker\na,anna\nb,anna\na,bert",
            r"clips.csv:4: the clip 'a' has the speaker 'bert', and 'anna' in line 2",
        ),
        ("id,speaker\na,anna\nb,", "clips.csv: 1 clips have no speaker, e.g. 'b'"),
        ("id,sex\na,f\nb,f", "clips.csv has no column 'speaker'"),
    ],
)
def test_wrong_groups(tmp_path, rows, message):
    (tmp_path / "clips.csv").write_text(rows)
    with pytest.raises(DataError, match=message):
        read_groups(tmp_path / "clips.csv", "speaker", ["a", "b"])


def test_wrong_tables(tmp_path):
    with pytest.raises(DataError, match="splits.csv:3: malformed row"):
        by_table(table(tmp_path, "a,train", "b"))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(DataError, match="empty is empty"):
        by_lists({"test": tmp_path / "empty"})
