"""Both benchmarks: which clips a role has in which mode, what is measured, and what damaged files are told apart by."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest
import torch
from codaar_plugin_ave.annotations import read_annotations
from codaar_plugin_avvp.ave import AveClips, shared_clips
from codaar_plugin_avvp.classes import AVVP, IN_AVE
from codaar_plugin_avvp.parts import FIFTH_HELD_OUT, HALVES, part
from codaar_plugin_cmg.event_mlp import EventMlp
from codaar_plugin_cmg.metrics import llp_event_f1, llp_segment_f1, parsing_scores

from codaar_core.api import ComponentError, DataError, HeadContext, Predicted, Quantized, Space, Transfer
from codaar_core.features import read_h5, read_names
from codaar_core.testing.data_plugins import check_other_extractor, rewrite_zips, write_h5

NAMES = ("avvp-localization", "ave-avvp")
ROLES = ("train", "validation", "test")


@pytest.mark.parametrize("tenths", [HALVES, FIFTH_HELD_OUT])
def test_every_recording_is_in_one_part(tenths):
    ids = [f"id{number}" for number in range(1000)]
    parts = [part(ids, each) for each in tenths.values()]
    assert sorted(sum(parts, [])) == sorted(ids)
    shares = [len(each) / len(ids) for each in parts]
    assert shares == pytest.approx([len(each) / 10 for each in tenths.values()], abs=0.04)


@pytest.mark.parametrize("name", NAMES)
def test_strict_roles_share_no_recording_and_tests_are_aligned(make, name):
    benchmark = make(name)
    assert (benchmark.selection, benchmark.dropout) == ("validation", False)
    ids = {(role, m): benchmark.split(role, m).ids for role in ROLES for m in ("audio", "video")}
    for modality in ("audio", "video"):
        sets = [set(ids[role, modality]) for role in ROLES]
        assert all(sets)
        assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    for role in ROLES:
        assert ids[role, "audio"] == ids[role, "video"]


def test_a_recording_without_an_event_that_is_seen_is_background(make, small_llp):
    benchmark = make()
    split = benchmark.split("test", "video")
    unseen = [clip for clip, id in enumerate(split.ids) if id not in benchmark.llp.joined["video"]]
    assert unseen
    assert split[unseen].targets["video"].tolist() == [[[0] * 25 + [1]] * 10] * len(unseen)


def test_as_published_trains_and_tests_on_every_row(make, llp):
    benchmark = make(mode="as-published")
    assert (benchmark.selection, benchmark.dropout) == ("test", True)
    for modality, rows in (("audio", 40), ("video", 30)):
        train, test = benchmark.split("train", modality), benchmark.split("test", modality)
        assert train.ids == test.ids == [row.id for row in benchmark.llp.read[modality].rows]
        assert len(test) == rows


def test_labels_and_features_of_a_clip(make, llp, small_llp):
    split = make(mode="as-published").split("test", "audio")
    row = (llp / "AVVP_eval_audio_checked_combined.csv").read_text().splitlines()[6]
    batch = split[[5, 1]]
    assert batch.targets["audio"][0].tolist() == small_llp.labels_by_hand(row, AVVP)
    assert split.ids[5] == row[:11] == small_llp.id_of(5)
    values = batch.inputs["audio"].values
    assert values.shape == (2, 10, 128)
    assert torch.equal(values[0, 7], values[0, 9])  # of eight seconds the last is repeated
    assert pickle.loads(pickle.dumps(split))[[5]].inputs["audio"].values.shape == (1, 10, 128)


def test_the_clips_of_ave(make, small_llp, llp):
    released, strict = make("ave-avvp", "as-published"), make("ave-avvp")
    clips = released.ave_clips
    assert len(released.split("train", "audio")) == len(clips.ids) == 36
    assert not set(strict.split("test", "audio").ids) & set(clips.ids)
    assert len(strict.llp.ids) - small_llp.SHARED <= len(strict.split("test", "video")) < len(strict.llp.ids)
    batch = strict.split("train", "video")[[0]]
    assert batch.inputs["video"].values.shape == (1, 10, 7, 7, 8)
    assert batch.targets["video"].shape == (1, 10, 13)


def test_labels_of_ave_follow_from_its_annotations(llp, tmp_path):
    known = read_annotations(llp / "AVE" / "Annotations.txt")
    released, rebuilt = (shared_clips(known, folder) for folder in (llp, tmp_path))
    same(released, rebuilt)


def same(one: AveClips, other: AveClips) -> None:
    assert one.rows.tolist() == other.rows.tolist()
    assert one.ids == other.ids
    assert one.labels.dtype == other.labels.dtype == np.float32
    assert (one.labels == other.labels).all()


def test_the_true_clips_of_ave(shared, make):
    tables = shared / "datasets" / "codaar_annotations"
    for path in (tables / "AVE" / "Annotations.txt", shared / "datasets" / "ave" / "Annotations.txt"):
        known = read_annotations(path)
        released = shared_clips(known, tables / "AVE_AVVP")
        assert (len(released.ids), len(set(released.ids))) == (1831, 1822)
        counts = [171, 188, 178, 187, 182, 99, 186, 183, 83, 160, 60, 154]
        assert released.labels.max(1).sum(0)[:12].tolist() == counts
        same(released, shared_clips(known, shared))


def test_the_true_tables(shared, make):
    folder = shared / "datasets" / "codaar_annotations"
    benchmark = make(root=str(folder / "AVVP"))
    assert read_names(folder / "AVVP/AVVP_Categories.txt") == benchmark.events
    assert len(benchmark.llp.ids) == 1851
    assert benchmark.llp.defects.counts == {
        "event of no length": 5,
        "repeated event": 8,
        "name other than ID_start_end": 1,
        "repeated recording": 5,
        "recording in no list": 4,
        "weak labels differ from events": 82,
    }
    assert [len(part(benchmark.llp.ids, tenths)) for tenths in HALVES.values()] == [746, 180, 925]
    fewer = make("ave-avvp", root=str(folder / "AVE_AVVP"), ave=str(folder / "AVE"))
    assert read_names(folder / "AVE_AVVP/AVE_AVVP_Categories.txt") == fewer.events
    tables = fewer.llp.read
    assert [len(table.rows) for table in tables.values()] == [1085, 1032]
    assert len({row.id for row in tables["audio"].rows} & set(fewer.ave_clips.ids)) == 56
    assert len(fewer.llp.ids) == 1146


TRIVIAL = {  # event, precision and F1 in percent, over the whole table
    "avvp_audio": ("Speech", 28.3, 24.3),
    "avvp_visual": ("Violin_fiddle", 10.6, 9.7),
    "ave_avvp_audio": ("Violin_fiddle", 18.3, 17.8),
    "ave_avvp_visual": ("Violin_fiddle", 17.0, 16.4),
}


@pytest.mark.parametrize("table", TRIVIAL)
def test_the_best_constants_on_the_true_labels(released_numbers, make, table):
    benchmark = make("ave-avvp" if table.startswith("ave") else "avvp-localization", mode="as-published")
    target = released_numbers("labels")[table].float()
    whole = make("ave-avvp" if table.startswith("ave") else "avvp-localization")
    scores = [
        {name: whole.metrics[name](answer, target) for name in ("precision_with_background", "f1_with_background")}
        for answer in whole.constants(target)
    ]
    best = max(range(len(benchmark.events)), key=lambda index: scores[index]["precision_with_background"])
    event, precision, f1 = TRIVIAL[table]
    assert benchmark.events[best] == event
    assert [round(100 * score, 1) for score in scores[best].values()] == [precision, f1]


@pytest.mark.parametrize(("name", "batch"), [("avvp-localization", 64), ("ave-avvp", 80)])
def test_released_metrics_are_means_over_batches(make, name, batch):
    benchmark = make(name, mode="as-published")
    generator = torch.Generator().manual_seed(0)
    prediction, target = (
        torch.rand(150, 10, len(benchmark.classes), generator=generator).gt(0.8).float() for _ in range(2)
    )
    precision = recall = 0
    for start in range(0, 150, batch):
        said, true = (each[start : start + batch].flatten().tolist() for each in (prediction, target))
        right = sum(one * other for one, other in zip(said, true, strict=True))
        clips = min(batch, 150 - start)
        precision += clips / 150 * right / sum(said)
        recall += clips / 150 * right / sum(true)
    scores = benchmark.score(*[Predicted(prediction, target)] * 2)
    f1 = 2 * precision * recall / (precision + recall)
    assert scores == pytest.approx({"precision": precision, "recall": recall, "f1": f1})


def test_strict_scores_take_both_modalities(make):
    benchmark = make()
    generator = torch.Generator().manual_seed(0)
    heard, seen = (
        Predicted(*(torch.rand(20, 10, 26, generator=generator).gt(0.7).float() for _ in range(2))) for _ in range(2)
    )
    scores = benchmark.score(heard, seen)
    assert list(scores) == list(benchmark.metrics)
    both = [torch.stack(pair) for pair in zip(heard, seen, strict=True)]
    for name, metric in benchmark.metrics.items():
        assert scores[name] == pytest.approx(metric(*(both if name.endswith("_av") else seen))), name
    without = Predicted(*(each[..., :-1] for each in seen))
    assert scores["llp_segment_f1"] == llp_segment_f1(*without)
    assert scores["llp_event_f1"] == llp_event_f1(*without)
    of_llp = parsing_scores(Predicted(*(each[..., :-1] for each in heard)), without)
    assert (scores["segment_type_av"], scores["segment_event_av"]) == (of_llp["type"], of_llp["event"])
    mirrored = benchmark.score(seen, heard)
    assert all(mirrored[name] == pytest.approx(scores[name]) for name in scores if name.endswith("_av"))


def test_what_was_published_belongs_to_its_mode_and_pretraining(make):
    released = {"mode": "as-published"}
    assert make().published == make("ave-avvp").published == {}
    assert make(**released).published["video->audio/precision"] == 0.708
    assert make(**released, modalities=("audio", "video")).published["audio->video/precision"] == 0.724
    assert make(**released, pretraining="90k").published["audio->video/precision"] == 0.704
    assert make("ave-avvp", **released).published == {"video->audio/f1": 0.558, "audio->video/f1": 0.565}
    assert make("ave-avvp", **released, modalities=("audio", "video")).published == {}
    assert all(make(name, **released, pretraining="other").published == {} for name in NAMES)
    for name in NAMES:
        benchmark = make(name, **released)
        assert {key.split("/")[1] for key in benchmark.published} == {next(iter(benchmark.metrics))}


def test_text_is_no_side_of_a_transfer(make):
    assert make().transfers() == [Transfer("audio", "video"), Transfer("video", "audio")]
    with pytest.raises(ComponentError, match="no 'video'"):
        make(modalities=("audio", "text"))


def test_only_the_combined_tables_were_published(make):
    with pytest.raises(ComponentError, match='form = "original"'):
        make(mode="as-published", form="original")


@pytest.mark.parametrize("name", NAMES)
def test_missing_folders_are_named(make, name):
    with pytest.raises(DataError, match="needs `root`") as error:
        make(name, root=None).split("test", "audio")
    assert "github.com" in error.value.help
    with pytest.raises(DataError, match="nowhere"):
        make(name, root="nowhere").split("test", "audio")


def test_features_of_another_shape_are_refused(make):
    with pytest.raises(DataError, match=r"expected the shape \(steps, 7, 7, 512\), it has \(10, 7, 7, 8\)"):
        make(channels=512).split("test", "video")[[0]]
    with pytest.raises(DataError, match="visual_feature.h5: expected the shape"):
        make("ave-avvp", channels=512).split("train", "video")


@pytest.fixture
def own_llp(small_llp, tmp_path):
    return small_llp.write_llp(tmp_path / "llp")


def test_numpy_files_give_the_same_clips(make, own_llp):
    released = make(root=str(own_llp)).split("test", "audio")[[0, 1]]
    assert rewrite_zips(own_llp, ".npy")
    found = make(root=str(own_llp)).split("test", "audio")[[0, 1]]
    assert torch.equal(found.inputs["audio"].values, released.inputs["audio"].values)


def test_extraction_notes_are_compared_with_the_settings(make, own_llp):
    benchmark = make(root=str(own_llp))
    folder = own_llp / "feature/audio/zip"
    check_other_extractor(
        folder, "audio_made_by", lambda: benchmark.extraction, lambda: benchmark.split("test", "audio")
    )
    assert make(root=str(own_llp), audio_made_by="mine").extraction["audio"] == "mine"


def test_extraction_notes_of_ave_are_compared_as_well(make_ave_avvp, small_llp, tmp_path):
    ave = small_llp.write_ave(tmp_path / "AVE", tmp_path)
    (ave / "extraction.toml").write_text('made_by = "mine"\n')
    with pytest.raises(DataError, match="audio_made_by is 'vggish-relu', and .*AVE/extraction.toml says"):
        make_ave_avvp(ave=str(ave)).extraction  # noqa: B018
    assert make_ave_avvp(ave=str(ave), audio_made_by="mine", video_made_by="mine").extraction["video"] == "mine"


@pytest.mark.parametrize("rows", [1, 20])
def test_labels_that_differ_from_aves_annotations_are_counted_or_refused(make_ave_avvp, small_llp, tmp_path, rows):
    ave = small_llp.write_ave(tmp_path / "AVE", tmp_path)
    small_llp.write_llp(tmp_path, "AVE_AVVP", ("Dog", "Car", "Cat"))
    order = read_h5(tmp_path / "ave_avvp_order.h5", "order")[:rows]
    labels = read_h5(tmp_path / "ave_avvp_labels.h5", "avadataset")
    labels[order] = 1 - labels[order]
    (tmp_path / "ave_avvp_labels.h5").unlink()
    write_h5(tmp_path / "ave_avvp_labels.h5", avadataset=labels)
    benchmark = make_ave_avvp(root=str(tmp_path), ave=str(ave))
    if rows == 20:
        with pytest.raises(DataError, match=r"ave_avvp_labels.h5: 20 of \d+ labels differ from .*Annotations.txt"):
            benchmark.split("train", "audio")
    else:
        assert "1 x label that differs from the annotation" in benchmark.split("train", "audio").defects.summary


def test_another_class_file_is_refused(make, own_llp):
    (own_llp / "AVVP_Categories.txt").write_text("\n".join([AVVP[1], AVVP[0], *AVVP[2:]]))
    with pytest.raises(DataError, match=r"Categories.txt:1: expected the class 'Fire_alarm', found 'Accordion'"):
        make(root=str(own_llp)).split("test", "audio")
    (own_llp / "AVVP_Categories.txt").write_text("\n".join(AVVP[:-1]))
    with pytest.raises(DataError, match=r"Categories.txt:25: expected the class 'Blender', found None"):
        make(root=str(own_llp)).split("test", "audio")


def test_missing_features_are_refused_or_skipped_in_both_modalities(make, own_llp, small_llp):
    ids = make(root=str(own_llp)).split("test", "audio").ids
    (own_llp / f"feature/audio/zip/{ids[0]}.zip").unlink()
    (own_llp / f"feature/video/zip/{ids[1]}.zip").write_bytes(b"PK damaged")
    for mode in ("strict", "as-published"):
        with pytest.raises(DataError, match=f"have no file of 'audio', e.g. .*{ids[0]}.zip"):
            make(mode=mode, root=str(own_llp)).split("test", "audio")
    with pytest.warns(UserWarning, match="2 of 40 clips are left out"):
        skipping = make(root=str(own_llp), bad_clips="skip", bad_share=0.1)
        left = [skipping.split("test", modality) for modality in ("audio", "video")]
    assert [split.ids for split in left] == [ids[2:], ids[2:]]
    assert all("2 x recording that cannot be read left out" in note for split in left for note in split.notes)
    with pytest.raises(DataError, match="2 of 40 clips cannot be read"):
        make(root=str(own_llp), bad_clips="skip", bad_share=0.02).split("test", "audio")


def test_rows_of_ave_that_cannot_be_read_are_skipped(make, small_llp, tmp_path):
    small_llp.write_llp(tmp_path, "AVE_AVVP", ("Dog",))
    ave = small_llp.write_ave(tmp_path / "AVE", tmp_path)
    given = {"mode": "as-published", "root": str(tmp_path), "ave": str(ave)}
    whole = len(make("ave-avvp", **given).split("train", "audio"))
    with h5py.File(ave / "audio_feature.h5", "r+") as file:
        file["avadataset"][1] = np.nan
    with pytest.warns(UserWarning, match=f"1 of {whole} clips are left out"):
        assert len(make("ave-avvp", **given, bad_clips="skip", bad_share=0.05).split("train", "audio")) == whole - 1


def test_label_files_of_another_ave_are_refused(make, small_llp, tmp_path):
    small_llp.write_llp(tmp_path, "AVE_AVVP", ("Dog",))
    small_llp.write_ave(tmp_path / "AVE", tmp_path)
    lines = (tmp_path / "AVE" / "Annotations.txt").read_text().splitlines()
    (tmp_path / "AVE" / "Annotations.txt").write_text("\n".join(lines[:-1]))
    with pytest.raises(DataError, match="ave_avvp_order.h5 does not match"):
        make("ave-avvp", root=str(tmp_path), ave=str(tmp_path / "AVE")).split("train", "audio")
    (tmp_path / "AVE" / "Annotations.txt").write_text("\n".join([*lines, "Church bell&new00000000&good&0&10"]))
    with pytest.raises(DataError, match="ave_avvp_labels.h5: expected the shape"):
        make("ave-avvp", root=str(tmp_path), ave=str(tmp_path / "AVE")).split("train", "audio")


def test_names_of_ave_are_those_of_ave():
    from codaar_plugin_ave.annotations import CLASSES

    assert set(IN_AVE.values()) < set(CLASSES)
    assert set(IN_AVE) < set(AVVP)


@pytest.mark.parametrize(("name", "events"), [("avvp-localization", 25), ("ave-avvp", 12)])
@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize("labels", ["seconds", "clips"])
def test_the_head_of_the_text_has_no_output_for_background_and_every_metric(make, name, events, mode, labels):
    benchmark = make(name, mode)
    target = benchmark.split("test", "audio")[range(8)].targets["audio"]
    code = Space((6,))
    head = EventMlp(EventMlp.Config(labels=labels), HeadContext(code, code, benchmark.classes))
    values = torch.randn(8, 10, 6, generator=torch.Generator().manual_seed(0))
    logits = head(Quantized(torch.arange(80).view(8, 10), values, values))
    assert logits.shape == (8, 10, events)
    assert head.loss(logits, target).isfinite()
    guessed, known = head.predict(logits), head.predict(target[..., :-1] - 0.5)
    assert torch.equal(known, target)  # whoever knows the events knows the background
    for predicted in (guessed, known):
        side = Predicted(predicted, target)
        scores = benchmark.score(side, side)
        assert scores.keys() == benchmark.metrics.keys()
        assert all(np.isfinite(value) for value in scores.values())
