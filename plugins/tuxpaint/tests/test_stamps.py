"""Stamps are found, grouped, divided and linked; what is missing is said."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest
from codaar_plugin_tuxpaint.folder import HEARD, ONE_LANGUAGE, SPLITS, Voices, split_of, stamp_of, write_folder
from codaar_plugin_tuxpaint.stamps import DEBIAN, INSTALL, find_stamps, subject_words
from generated_stamps import LANGUAGES, THINGS, write_stamp, write_stamps

from codaar_core.api import DataError

VOICES = Voices(("fr", "ro"), "ca", "es")


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_stamp_has_its_files_its_english_caption_and_its_kind(stamps_folder):
    found = find_stamps(stamps_folder, 2)
    assert len(found.each) == 2 * (len(THINGS) + 1) and not found.left_out
    apple = next(stamp for stamp in found.each if stamp.name == "food.sub.apple_food")
    assert (apple.kind, apple.caption) == ("food", "A apple of food.")
    assert apple.picture == stamps_folder / "food" / "sub" / "apple_food.png"
    assert apple.speech["fr"] == stamps_folder / "food" / "sub" / "apple_food_desc_fr.ogg"
    assert set(found.languages) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("one", "other"),
    [("tugboat", "tugboat_mirror"), ("apple_red", "apple_green"), ("guitar2", "guitar-3"), ("A_filled", "a_outline")],
)
def test_names_of_variants_have_the_same_words(one, other):
    assert subject_words(one) == subject_words(other)


def test_names_of_only_numbers_stay_apart():
    assert subject_words("001") != subject_words("002")


def test_variants_by_name_and_by_caption_are_one_group(tmp_path):
    for name, caption in (
        ("boat", "A boat."),
        ("boat_mirror", "A mirrored boat."),
        ("ship", "a boat"),
        ("ship_red", "Red."),
        ("car", "A car."),
    ):
        write_stamp(tmp_path / "vehicles" / name, caption, 0, 0, ("fr",))
    write_stamp(tmp_path / "toys" / "boat", "A boat.", 0, 0, ("fr",))
    groups = {stamp.name: stamp.group for stamp in find_stamps(tmp_path, 1).each}
    assert {groups[f"vehicles.{name}"] for name in ("boat", "boat_mirror", "ship", "ship_red")} == {"vehicles.boat"}
    assert groups["vehicles.car"] == "vehicles.car" and groups["toys.boat"] == "toys.boat"


def test_what_is_left_out_is_counted(tmp_path):
    folder = write_stamps(tmp_path, things=3)
    (folder / "food" / "drawing.svg").write_text("<svg/>")
    (folder / "food" / "silent.png").write_bytes(b"")
    write_stamp(folder / "food" / "wordless", "", 0, 0, ("fr",))
    write_stamp(folder / "rare" / "one", "Rare.", 0, 0, ("fr",))
    found = find_stamps(folder, 2)
    assert found.left_out == {
        "drawing (SVG) without a picture (PNG)": 1,
        "picture without a spoken description": 1,
        "picture without a caption": 1,
        "picture of a kind with less than 2": 1,
    }
    assert len(found.each) == 8


def test_missing_stamps_are_an_error_that_installs_them(tmp_path):
    few = write_stamps(tmp_path / "few", things=1)
    (tmp_path / "empty").mkdir()
    for folder, least in ((tmp_path / "absent", 1), (tmp_path / "empty", 1), (few, 3)):
        with pytest.raises(DataError, match="stamp") as error:
            find_stamps(folder, least)
        assert INSTALL in error.value.help


# The folder


def test_no_group_and_no_voice_is_in_two_splits(stamps_folder, tmp_path):
    write_folder(tmp_path, find_stamps(stamps_folder, 2), VOICES)
    clips = {row["id"]: row for row in rows(tmp_path / "clips.csv")}
    splits = defaultdict(set)
    for row in rows(tmp_path / SPLITS):
        splits["group", clips[row["id"]]["group"]].add(row["split"])
        splits["language", clips[row["id"]]["language"]].add(row["split"])
    assert all(len(each) == 1 for each in splits.values())
    assert set.union(*splits.values()) == {"pretrain", "validation", "test"}


def test_heard_voices_have_other_pictures_only(stamps_folder, tmp_path):
    found = find_stamps(stamps_folder, 2)
    write_folder(tmp_path, found, VOICES)
    group = {stamp.name: stamp.group for stamp in found.each}
    for row in rows(tmp_path / HEARD):
        assert split_of(group[stamp_of(row["id"])]) == row["split"]
        assert row["id"].endswith(("@fr", "@ro") if row["split"] == "pretrain" else "@fr")


def test_one_language_has_other_pictures_in_each_split(stamps_folder, tmp_path):
    found = find_stamps(stamps_folder, 2)
    write_folder(tmp_path, found, VOICES)
    table = rows(tmp_path / ONE_LANGUAGE)
    assert {row["id"]: row["split"] for row in table} == {
        f"{stamp.name}@fr": split_of(stamp.group) for stamp in found.each
    }
    assert {row["split"] for row in table} == {"pretrain", "validation", "test"}


def test_splits_depend_on_the_name_of_a_group_only():
    assert [split_of(name) for name in ("animals.duck", "food.apple", "town.house")] == [
        "pretrain",
        "validation",
        "test",
    ]


def test_recordings_are_links(stamps_folder, tmp_path):
    for _ in range(2):  # the second time replaces them
        write_folder(tmp_path, find_stamps(stamps_folder, 2), VOICES)
    link = tmp_path / "recordings" / "speech" / "food.sub.apple_food@fr.ogg"
    assert link.is_symlink() and link.resolve() == stamps_folder / "food" / "sub" / "apple_food_desc_fr.ogg"
    assert (tmp_path / "recordings" / "picture" / "food.sub.apple_food.png").is_symlink()


def test_who_names_one_language_for_all_splits_is_told_of_their_table(stamps_folder, tmp_path):
    with pytest.raises(DataError, match="'fr' is named twice") as error:
        write_folder(tmp_path, find_stamps(stamps_folder, 2), Voices(("fr",), "fr", "fr"))
    assert ONE_LANGUAGE in error.value.help


@pytest.mark.parametrize(
    ("voices", "why"),
    [
        (Voices(("fr", "xx"), "ca", "es"), "no stamp is described in 'xx'"),
        (Voices(("fr", "ro"), "ro", "es"), "'ro' is named twice"),
        (Voices(("fr",), "es", "es"), "'es' is named twice"),
        (Voices((), "ca", "es"), "pretraining has no language"),
    ],
)
def test_unknown_and_repeated_languages_are_refused(stamps_folder, tmp_path, voices, why):
    with pytest.raises(DataError, match=why):
        write_folder(tmp_path, find_stamps(stamps_folder, 2), voices)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason=f"needs Debian's stamps: {INSTALL}")
def test_stamps_of_debian():
    found = find_stamps(DEBIAN, 30)
    assert {"animals", "food", "symbols", "vehicles"} <= {stamp.kind for stamp in found.each}
    assert {"fr", "ca", "es"} <= set(found.languages) and len(found.each) > 600
    splits = {stamp.name: split_of(stamp.group) for stamp in found.each}
    letters = [name for name in splits if name.lower().endswith((".q_filled", ".q_outline"))]
    assert len(letters) == 4 and len({splits[name] for name in letters}) == 1
