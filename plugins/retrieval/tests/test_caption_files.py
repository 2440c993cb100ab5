"""Readers of caption files: grouping, drift, and what is said of damaged ones."""

from __future__ import annotations

import json

import pytest
from codaar_plugin_retrieval.captions import Annotation, by_picture, in_blocks, read_clotho, read_coco

from codaar_core.api import DataError


def test_strict_captions_are_those_of_the_picture_the_first_five_by_id(coco):
    items = by_picture(read_coco(coco / "annotations" / "captions_val2017.json"))
    assert [item.id for item in items] == [f"{picture:012d}" for picture in (7, 42, 90, 139)]
    assert items[1].captions == tuple(f"{word} dog 42" for word in ("five", "four", "three", "two", "one"))
    assert all(len(item.captions) == 5 for item in items)


def test_released_blocks_drift_after_a_picture_with_six(coco):
    items = in_blocks(read_coco(coco / "annotations" / "captions_val2017.json"))
    assert [item.id for item in items] == [f"{picture:012d}" for picture in (7, 42, 42, 90)]
    assert items[2].captions[0] == "five dog 42", "the sixth caption begins the third block"
    assert items[2].captions[1:] == tuple(f"{word} dog 90" for word in ("zero", "one", "two", "three"))


def test_25014_captions_are_5002_blocks():
    pictures = [picture for picture in range(5000) for _ in range(5)] + list(range(14))
    captions = [Annotation(picture, number, str(picture)) for number, picture in enumerate(pictures)]
    assert len(in_blocks(captions)) == 5002
    assert len(by_picture(captions)) == 5000


def test_blocks_keep_the_order_of_the_file_within_a_picture():
    captions = [Annotation(1, number, str(number)) for number in (9, 3, 7, 1, 5)]
    assert in_blocks(captions)[0].captions == ("9", "3", "7", "1", "5")
    assert by_picture(captions)[0].captions == ("1", "3", "5", "7", "9")


def test_a_picture_without_five_captions_is_named():
    with pytest.raises(DataError, match="picture 000000000008 has 4 captions, 5 are needed"):
        by_picture([Annotation(8, number, "") for number in range(4)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no caption file of MSCOCO"),
        ("[]", "is no caption file of MSCOCO"),
        ('{"images": []}', "is no caption file of MSCOCO: 'annotations'"),
        (json.dumps({"annotations": [{"image_id": 1, "id": 2}]}), "annotation 0 has no image_id, id and caption"),
        (json.dumps({"annotations": [{"image_id": "x", "id": 2, "caption": ""}]}), "annotation 0 has no image_id"),
        (json.dumps({"annotations": [{"image_id": 1, "id": 2, "caption": None}]}), "annotation 0 has no image_id"),
        (json.dumps({"annotations": [{"image_id": 1, "id": 2, "caption": "a"}] * 2}), "2 annotations have the id 2"),
        ('{"annotations": null}', "is no caption file of MSCOCO"),
        ('{"annotations": {"a": 1}}', "its annotations are no list"),
        ('{"annotations": [3]}', "annotation 0 has no image_id"),
        ('{"annotations": [{"image_id": 1e999, "id": 2, "caption": ""}]}', "annotation 0 .* inf is no id"),
        ('{"annotations": [{"image_id": NaN, "id": 2, "caption": ""}]}', "annotation 0 .* nan is no id"),
        ('{"annotations": [{"image_id": 1.5, "id": 2, "caption": ""}]}', "1.5 is no id"),
        ('{"annotations": [{"image_id": -1, "id": 2, "caption": ""}]}', "-1 is no id"),
        ('{"annotations": [{"image_id": true, "id": 2, "caption": ""}]}', "True is no id"),
        ('{"annotations": [{"image_id": 1000000000000, "id": 2, "caption": ""}]}', "is no id"),
        ("9" * 5000, "is no caption file of MSCOCO"),
        ("[" * 100_000, "is no caption file of MSCOCO"),
    ],
)
def test_damaged_coco_files_are_described(tmp_path, content, message):
    path = tmp_path / "captions.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_coco(path)
    with pytest.raises(DataError, match=r"nowhere\.json is missing"):
        read_coco(tmp_path / "nowhere.json")


def test_clotho_rows_are_items(clotho):
    items = read_clotho(clotho / "clotho_captions_evaluation.csv")
    assert [item.id for item in items] == ["Rain, heavy", "dog 01.v2", "cat"]
    assert items[2].captions[0] == "a zero dog, and a cat"
    assert all(len(item.captions) == 5 for item in items)


@pytest.mark.parametrize(
    ("line", "message"),
    [("lone.wav,only one", "1 x malformed row"), ("cat.wav,a,b,c,d,e", "1 x repeated file_name")],
)
def test_damaged_clotho_tables_are_described(clotho, line, message):
    path = clotho / "clotho_captions_evaluation.csv"
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(DataError, match=message):
        read_clotho(path)
