"""Tables as they are found: separators, headers, damage; and the real ones, where they are at hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, read_names, read_table

COLUMNS = ("kind", "id", "start")
ROWS = [("Dog, barking", "-a", "0"), ("Car", "_b", "3")]


def write(path, lines):
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("separator", ["\t", "&"])
@pytest.mark.parametrize("header", [True, False])
def test_separators_and_headers_are_found_out(separator, header, tmp_path):
    lines = [separator.join(row) for row in ([COLUMNS] if header else []) + ROWS]
    table = read_table(write(tmp_path / "t.csv", [*lines, "", ""]), COLUMNS)
    assert [tuple(row.cells.values()) for row in table] == ROWS
    assert table.rows[0].line == 1 + header and not table.defects


def test_commas_may_be_quoted(tmp_path):
    table = read_table(write(tmp_path / "t.csv", ["kind,id,start", '"Dog, barking",-a,0', "Car,_b,3"]), COLUMNS)
    assert table.column("kind") == ["Dog, barking", "Car"]


def test_a_header_may_have_more_in_another_order(tmp_path):
    table = read_table(write(tmp_path / "t.csv", ["\ufeffid,quality,kind,start", "a,good,Dog,0"]), COLUMNS)
    assert table.rows[0]["kind"] == "Dog" and table.rows[0]["quality"] == "good"


def test_one_column_alone(tmp_path):
    assert read_table(write(tmp_path / "t.csv", ["id", "a", "b"]), ["id"]).column("id") == ["a", "b"]


def test_a_missing_column(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv has no column 'start'") as error:
        read_table(write(tmp_path / "t.csv", ["kind,id,begin", "Dog,a,0"]), COLUMNS)
    assert error.value.help == "it has kind, id, begin"


@pytest.mark.parametrize("lines", [["kind;id;start", "Dog;a;0"], ["Dog a 0"], []])
def test_a_wrong_separator(lines, tmp_path):
    with pytest.raises(DataError, match=r"t\.csv: expected 3 columns separated by TAB, &, comma; the first line is"):
        read_table(write(tmp_path / "t.csv", lines), COLUMNS)


def test_malformed_rows_are_reported(tmp_path):
    path = write(tmp_path / "t.csv", ["kind,id,start", "Dog,a,0", "Dog,b", "Car,,1", "Car,c,1,2", "Car,d,1"])
    table = read_table(path, COLUMNS)
    assert table.column("id") == ["a", "d"]
    assert [str(defect) for defect in table.defects] == [
        f"{path}:3: malformed row (Dog,b)",
        f"{path}:4: malformed row (Car,,1)",
        f"{path}:5: malformed row (Car,c,1,2)",
    ]


@pytest.mark.parametrize("begin", ['"', "x" * 140_000 + '"'])
def test_an_open_quotation_mark_spoils_no_other_row(begin, tmp_path):
    lines = ["kind,id,start", f"{begin}Dog,a,0", "Car,b,1", "Car,c,2"]
    table = read_table(write(tmp_path / "t.csv", lines), COLUMNS)
    assert table.column("id") == ["b", "c"] and [row.line for row in table] == [3, 4]
    assert table.defects.counts == {"malformed row": 1}


def test_repeated_and_unknown_cells(tmp_path):
    path = write(tmp_path / "t.csv", ["kind,id,start", "Dog,a,0", "Car,a,1", "Cow,b,1", "Cat,b,2"])
    table = read_table(path, COLUMNS)
    assert len(table.reporting_repeated("id")) == 4
    assert table.reporting_repeated("id").defects.counts == {"repeated id": 2}
    assert table.without_repeated("id").column("kind") == ["Dog", "Cow"]
    known = table.only("kind", ["Dog", "Car", "Cat"])
    assert known.column("kind") == ["Dog", "Car", "Cat"]
    assert str(known.defects.each[0]) == f"{path}:4: unknown kind left out (Cow)"


@given(st.lists(st.sampled_from("abcdef"), max_size=12))
@settings(deadline=None, max_examples=25)
def test_repeated_rows_are_the_slow_twin(tmp_path_factory, ids):
    path = write(tmp_path_factory.mktemp("t") / "t.csv", ["id,n", *(f"{name},{n}" for n, name in enumerate(ids))])
    table = read_table(path, ("id", "n")).without_repeated("id")
    assert table.column("id") == list(dict.fromkeys(ids))
    assert table.defects.counts.get("repeated id left out", 0) == len(ids) - len(set(ids))


def test_defects_are_counted():
    defects = FileDefects((FileDefect("gap", "a"), FileDefect("slip", "a"))) + FileDefects((FileDefect("gap", "b"),))
    assert defects.summary == "2 x gap, 1 x slip" and len(defects) == 3
    assert FileDefects().summary == ""


def test_names_with_tab_and_without_last_newline(tmp_path):
    assert read_names(write(tmp_path / "n.txt", ["Bowling\tbowling", "", "ripping paper "])) == (
        "Bowling",
        "ripping paper",
    )
    with pytest.raises(DataError, match="n.txt is empty"):
        read_names(write(tmp_path / "n.txt", [""]))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv is missing"):
        read_table(tmp_path / "t.csv", COLUMNS)
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"t\.csv is not encoded in UTF-8"):
        read_table(tmp_path / "t.csv", COLUMNS)


# The real tables

AVE = ("Category", "VideoID", "Quality", "StartTime", "EndTime")
LLP = ("filename", "onset", "offset", "event_labels")


@pytest.mark.parametrize("file", ["ave/Annotations.txt", "codaar_annotations/AVE/Annotations.txt"])
def test_ave_without_and_with_header(shared, file):
    table = read_table(shared / "datasets" / file, AVE)
    assert len(table) == 4143 and len(set(table.column("Category"))) == 28
    assert set(table.column("Quality")) == {"good"}
    assert table.reporting_repeated("VideoID").defects.counts == {"repeated VideoID": 46}


@pytest.mark.parametrize(
    ("file", "columns", "rows", "names"),
    [
        ("llp/AVVP_dataset_full.csv", ("filename", "event_labels"), 11849, 11849),
        ("llp/AVVP_test_pd.csv", ("filename", "event_labels"), 1200, 1200),
        ("llp/AVVP_eval_audio.csv", LLP, 4131, 1848),
        ("llp/AVVP_eval_visual.csv", LLP, 2495, 1665),
        ("codaar_annotations/AVVP/AVVP_eval_audio_checked_combined.csv", LLP, 1846, 1844),
        ("codaar_annotations/AVVP/AVVP_eval_visual_checked_combined.csv", LLP, 1661, 1661),
        ("codaar_annotations/AVE_AVVP/AVE_AVVP_eval_audio_checked.csv", LLP, 1347, None),
        ("codaar_annotations/AVE_AVVP/AVE_AVVP_eval_audio_checked_combined.csv", LLP, 1085, None),
        ("codaar_annotations/UCF101/ucf2vggsound.csv", ("category", "video_id"), 2003, None),
        ("codaar_annotations/UCF101/vggsound2ucf.csv", ("category", "video_id", "split"), 4813, None),
    ],
)
def test_released_tables(shared, file, columns, rows, names):
    table = read_table(shared / "datasets" / file, columns)
    assert len(table) == rows and not table.defects
    assert names is None or len(set(table.column(columns[0]))) == names


def test_a_released_list_of_names_with_a_tab(shared):
    names = read_names(shared / "datasets" / "codaar_annotations" / "UCF101" / "VGGSoundsameUCF101.txt")
    assert len(names) == 16 and all("\t" not in name for name in names)
