"""Tables of events in all their forms: labels against a loop by hand, oddities counted, damage in one message."""

from __future__ import annotations

import pytest
from codaar_plugin_avvp.classes import AVVP
from codaar_plugin_avvp.events import (
    Annotation,
    Event,
    EventTable,
    by_recording,
    compare_with_weak_labels,
    read_events,
    read_weak_labels,
)
from codaar_plugin_avvp.labels import segment_labels
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import DataError
from codaar_core.features import FileDefects

CLASSES = ("Speech", "Dog", "Car")


@st.composite
def rows(draw):
    events = draw(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10), st.sampled_from(CLASSES)), min_size=1))
    return "\t".join(["x23456789ab_0_10", *(",".join(map(str, column)) for column in zip(*events, strict=True))])


@settings(deadline=None, max_examples=40)
@given(row=rows())
def test_labels_are_those_of_the_released_rule(row, small_llp, tmp_path_factory):
    table = read_events(small_llp.write_table(tmp_path_factory.mktemp("t") / "t.csv", [row]), CLASSES)
    labels = segment_labels(table.rows, CLASSES)
    assert labels[0].tolist() == small_llp.labels_by_hand(row, CLASSES)


@settings(deadline=None, max_examples=25)
@given(rows=st.lists(rows(), min_size=1, max_size=5), order=st.randoms())
def test_labels_of_a_recording_do_not_depend_on_the_order_of_its_rows(rows, order, small_llp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("t")
    shuffled = order.sample(rows, len(rows))
    one, other = (
        segment_labels(list(by_recording(read_events(path, CLASSES).rows).values()), CLASSES)
        for path in (small_llp.write_table(folder / f"{i}.csv", each) for i, each in enumerate((rows, shuffled)))
    )
    assert (one == other).all()
    assert ((one[..., -1] == 1) == (one[..., :-1].sum(-1) == 0)).all()


@pytest.mark.parametrize("separator", ["\t", ","])
def test_one_event_a_row_says_the_same_as_comma_lists(small_llp, tmp_path, separator):
    combined = small_llp.write_table(tmp_path / "combined.csv", ["x23456789ab_0_10\t0,3\t4,9\tSpeech,Dog"])
    single = ["x23456789ab_0_10\t0\t4\tSpeech", "x23456789ab_0_10\t3\t9\tDog"]
    single = small_llp.write_table(
        tmp_path / "single.csv",
        [row.replace("\t", separator) for row in single],
        small_llp.HEADER.replace("\t", separator),
    )
    one, other = (by_recording(read_events(path, CLASSES).rows) for path in (combined, single))
    assert one == other == {"x23456789ab": one["x23456789ab"]}


def test_oddities_are_reported_and_kept(small_llp, tmp_path):
    rows = [
        "-_3456789ab_0_10\t3,9\t3,0\tSpeech,Dog",
        "CSWQ_HzQ_10_20\t0\t4\tCar",
        "KvIjsmANkxI_10_20`\t0\t1\tDog",
        "KvIjsmANkxI_10_20\t2\t3\tDog",
        "KvIjsmANkxI_10_20\t2\t3\tDog",
    ]
    table = read_events(small_llp.write_table(tmp_path / "t.csv", rows), CLASSES)
    assert len(table.rows) == 5
    assert table.defects.counts == {
        "event of no length": 2,
        "name other than ID_start_end": 2,
        "repeated event": 1,
    }
    assert list(by_recording(table.rows)) == ["-_3456789ab", "CSWQ_HzQ_10", "KvIjsmANkxI"]
    assert segment_labels(table.rows[:1], CLASSES)[0].tolist() == [[0, 0, 0, 1]] * 10


def test_weak_labels_are_compared_with_events(small_llp, tmp_path):
    lists = small_llp.write_table(tmp_path / "val.csv", ["a\tSpeech,Dog", "b\tCar"], "filename\tevent_labels")
    weak = read_weak_labels(lists, CLASSES)
    assert weak == {"a": {"Speech", "Dog"}, "b": {"Car"}}
    heard = EventTable((Annotation("a", (Event(0, 1, "Speech"),)), Annotation("c", ())), FileDefects())
    seen = EventTable((Annotation("a", (Event(0, 1, "Dog"),)), Annotation("b", (Event(0, 1, "Dog"),))), FileDefects())
    assert [str(defect) for defect in compare_with_weak_labels([heard, seen], weak)] == [
        "c: recording in no list",
        "b: weak labels differ from events (Car, Dog)",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x\t0,1\t2\tSpeech,Dog", r"t.csv:2: 0,1 / 2 / Speech,Dog differ in length"),
        ("x\t0\t2\tspeech", r"t.csv:2: unknown event 'speech'"),
        ("x\t0.5\t2\tSpeech", r"t.csv:2: '0.5' is not a whole second"),
        ("x\t0\t11\tSpeech", r"t.csv:2: '11' is not a whole second"),
        ("x\t-1\t2\tSpeech", r"t.csv:2: '-1' is not a whole second"),
        ("x\t0\t2", r"t.csv:2: malformed row"),
    ],
)
def test_impossible_rows_are_named(small_llp, tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        read_events(small_llp.write_table(tmp_path / "t.csv", [row]), CLASSES)


def test_wrong_tables_are_named(small_llp, tmp_path):
    with pytest.raises(DataError, match="missing.csv is missing"):
        read_events(tmp_path / "missing.csv", CLASSES)
    other = small_llp.write_table(tmp_path / "other.csv", ["a\t1"], "filename\tonset")
    with pytest.raises(DataError, match="no column 'offset'"):
        read_events(other, CLASSES)
    weak = small_llp.write_table(tmp_path / "weak.csv", ["a\tSpeech,Dig"], "filename\tevent_labels")
    with pytest.raises(DataError, match="weak.csv:2: unknown event 'Dig'"):
        read_weak_labels(weak, CLASSES)


def annotations(shared):
    return shared / "datasets" / "codaar_annotations"


ODD = {
    "AVVP_eval_audio_checked_combined.csv": (1846, 1844, 1842, {"event of no length": 5, "repeated event": 8}, 1),
    "AVVP_eval_visual_checked_combined.csv": (1661, 1661, 1660, {}, 0),
    "AVVP_eval_audio_checked.csv": (4119, 1844, 1842, {"event of no length": 5, "repeated event": 8}, 1),
    "AVVP_eval_visual_checked.csv": (2488, 1661, 1660, {}, 0),
    "AVVP_eval_audio.csv": (4131, 1850, 1848, {"event of no length": 6, "repeated event": 8}, 13),
    "AVVP_eval_visual.csv": (2495, 1665, 1664, {}, 7),
}


@pytest.mark.parametrize("name", ODD)
def test_counts_of_the_true_tables(shared, name):
    rows, names, ids, odd, mistyped = ODD[name]
    table = read_events(annotations(shared) / "AVVP" / name, AVVP)
    assert (len(table.rows), len({row.filename for row in table.rows}), len({row.id for row in table.rows})) == (
        rows,
        names,
        ids,
    )
    found = table.defects.counts
    assert found.pop("name other than ID_start_end", 0) == mistyped
    assert found == odd


def test_labels_of_the_true_tables_are_the_released_ones(shared, released_numbers):
    folder = annotations(shared)
    for word in ("audio", "visual"):
        table = read_events(folder / f"AVVP/AVVP_eval_{word}_checked_combined.csv", AVVP)
        assert (segment_labels(table.rows, AVVP) == released_numbers("labels").arrays[f"avvp_{word}"]).all()


def test_all_forms_of_the_true_tables_agree(shared):
    folder = annotations(shared) / "AVVP"
    for word in ("audio", "visual"):
        forms = [
            by_recording(read_events(folder / f"AVVP_eval_{word}{form}.csv", AVVP).rows)
            for form in ("_checked_combined", "_checked", "")
        ]
        assert forms[0].keys() == forms[1].keys() < forms[2].keys()
        one, two, three = (segment_labels([form[id] for id in forms[0]], AVVP) for form in forms)
        assert (one == two).all()
        assert (one == three).all()


@pytest.mark.parametrize(
    ("name", "count"),
    [("AVVP_train", 10_000), ("AVVP_val_pd", 649), ("AVVP_test_pd", 1200), ("AVVP_dataset_full", 11_849)],
)
def test_counts_of_the_true_weak_labels(shared, name, count):
    labels = read_weak_labels(shared / "datasets" / "llp" / f"{name}.csv", AVVP)
    assert len(labels) == count
    assert set().union(*labels.values()) == set(AVVP)
