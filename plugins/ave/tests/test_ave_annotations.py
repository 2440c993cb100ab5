"""The table of clips: both forms, what is found in the released one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from codaar_plugin_ave.annotations import CLASSES, read_annotations
from codaar_plugin_ave.files import AveFiles, FileSettings, clip_classes

from codaar_core.api import DataError
from codaar_core.features import read_h5


@pytest.fixture(scope="module")
def released(real):
    return read_annotations(real / "Annotations.txt")


def test_the_released_table_has_4143_clips_of_28_classes(released):
    assert len(released) == 4143
    assert len(set(released.ids)) == 4097
    assert sorted(set(released.classes)) == list(range(28))
    first_seen = list(dict.fromkeys(released.classes.tolist()))
    assert first_seen == list(range(28))  # the order of classes is that of their appearance
    assert released.defects.counts == {"repeated VideoID": 46, "event of no length": 1}


def test_the_table_of_the_codaar_release_says_the_same_under_a_header(released, real):
    headed = read_annotations(real.parent / "codaar_annotations" / "AVE" / "Annotations.txt")
    assert headed.ids == released.ids
    np.testing.assert_array_equal(headed.labels(), released.labels())


def test_rebuilt_labels_are_the_released_masks_and_clip_labels(released, real):
    labels = released.labels()
    assert (labels.sum(-1) == 1).all()
    np.testing.assert_array_equal(1 - labels[..., -1], read_h5(real / "labels_closs.h5", "avadataset"))
    background, events = labels[..., -1].mean(), released.start < released.end
    assert background == pytest.approx(0.171, abs=5e-4)
    assert (labels[..., -1].sum(1) == 0).mean() == pytest.approx(0.664, abs=5e-4)
    weak = read_h5(real / "mil_labels.h5", "avadataset")
    np.testing.assert_array_equal(labels[events][..., :-1].max(1), weak[events][:, :-1])


def test_the_released_rule_gives_the_annotated_class_of_every_clip(released):
    np.testing.assert_array_equal(clip_classes(released.labels()), released.classes)


def test_the_released_orders_part_the_clips(real):
    files = AveFiles(FileSettings(root=str(real)), {})
    orders = [files.order(name) for name in ("train", "val", "test")]
    assert [len(order) for order in orders] == [3339, 402, 402]
    assert sorted(np.concatenate(orders)) == list(range(4143))
    assert not (np.diff(orders[0]) > 0).all()
    ids = [{files.annotations.ids[row] for row in order} for order in orders]
    assert (len(ids[0] & ids[2]), len(ids[0] & ids[1]), len(ids[1] & ids[2])) == (8, 10, 0)


def test_labels_by_second(tmp_path):
    path = tmp_path / "Annotations.txt"
    path.write_text("Mandolin&-aaaaaaaaaa&good&2&4\nChurch bell&_bbbbbbbbbb&good&0&0\n", "utf-8")
    table = read_annotations(path)
    labels = table.labels()
    assert labels.shape == (2, 10, 29)
    assert labels[0].argmax(-1).tolist() == [28, 28, 27, 27, 28, 28, 28, 28, 28, 28]
    assert (labels[1].argmax(-1) == 28).all()
    assert clip_classes(labels).tolist() == [27, 0]
    assert [str(defect) for defect in table.defects] == [f"{path}:2: event of no length (_bbbbbbbbbb)"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Bark&abcdefghijk&good&0", "Annotations.txt:2: malformed row"),
        ("Barking&abcdefghijk&good&0&10", "Annotations.txt:2: AVE has no class 'Barking'"),
        ("Bark&abcdefghijk&good&0&11", "Annotations.txt:2: 0 to 11 are not whole seconds from 0 to 10"),
        ("Bark&abcdefghijk&good&-1&10", "Annotations.txt:2: -1 to 10 are not whole seconds from 0 to 10"),
    ],
)
def test_a_damaged_line_is_refused_as_lines_number_the_clips(tmp_path, line, message):
    path = tmp_path / "Annotations.txt"
    path.write_text(f"Bark&aaaaaaaaaaa&good&0&10\n{line}\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_annotations(path)
    assert message in caught.value.message


def test_all_classes_are_different():
    assert len(set(CLASSES)) == 28
