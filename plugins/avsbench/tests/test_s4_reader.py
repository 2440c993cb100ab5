"""Reading AVSBench-S4: a generated copy in the released format, whole and damaged; what follows from the mode."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4
from codaar_plugin_avsbench.mask_metrics import f_score, mean_iou
from codaar_plugin_avsbench.pictures import read_pixels
from codaar_plugin_avsbench.s4_folder import Clip, S4Folder
from PIL import Image

from codaar_core.api import BenchmarkContext, ComponentError, DataError, Space, Transfer
from codaar_core.features import read_table
from codaar_core.testing.data_plugins import check_other_extractor, rewrite_zips


def test_a_training_clip_has_five_frames_and_one_mask(make_benchmark):
    benchmark = make_benchmark()
    split = benchmark.split("train", "audio")
    batch = split[[2, 0]]
    assert len(split) == 4
    assert batch.inputs["audio"].values.shape == (2, 5, 128)
    assert batch.targets["audio"].shape == (2, 1, 64, 64) and batch.targets["audio"].dtype == torch.uint8
    assert set(batch.targets["audio"].unique().tolist()) == {0, 255}
    given = split.given([2, 0])
    assert given.shape == (2, 5, 3, 64, 64) and given.dtype == torch.float32
    assert benchmark.given == Space((5, 3, 64, 64))
    assert split.ids[0] == "-id_0000000"


def test_pictures_are_normalised_and_in_their_places(make_benchmark, s4):
    split = make_benchmark().split("test", "text")
    frame = s4 / "s4_data/visual_frames/test/horse_clip-clop/-id_0000009_9000/-id_0000009_9000_3.png"
    pixels = np.asarray(Image.open(frame), np.float64) / 255
    expected = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(split.given([1])[0, 2], expected.transpose(2, 0, 1), atol=1e-5)
    mask = np.asarray(Image.open(str(frame).replace("visual_frames", "gt_masks")))
    assert np.array_equal(split[[1]].targets["text"][0, 2] > 0, mask)


@pytest.mark.parametrize("role", ["validation", "test"])
def test_other_clips_have_five_masks_whatever_they_are_seen_through(make_benchmark, role):
    audio, text = (make_benchmark().split(role, modality) for modality in ("audio", "text"))
    rows = range(len(audio))
    assert audio[rows].targets["audio"].shape == (4, 5, 64, 64)
    assert torch.equal(audio[rows].targets["audio"], text[rows].targets["text"])
    assert torch.equal(audio.given(rows), text.given(rows))
    assert text[rows].inputs["text"].values.shape == (4, 10, 16)


def test_clips_of_a_category_have_its_sentence(make_benchmark):
    values = make_benchmark().split("test", "text")[range(4)].inputs["text"].values
    assert torch.equal(values[0], values[2]) and torch.equal(values[1], values[3])
    assert not torch.equal(values[0], values[1])


def test_a_split_goes_to_other_processes(make_benchmark):
    split = make_benchmark("as-published").split("test", "audio")
    again = pickle.loads(pickle.dumps(split))
    assert torch.equal(again[[1]].inputs["audio"].values, split[[1]].inputs["audio"].values)


def test_released_prompts_name_the_23_categories(shared):
    table = read_table(
        shared / "datasets/codaar_annotations/AVSBench/AVSBenchCategories2Prompts.csv", ("label", "prompt")
    )
    assert len(table) == 23 and not table.defects
    assert {"playing_ukulele", "horse_clip-clop"} <= set(table.column("label"))
    assert all(6 <= len(prompt.split()) <= 11 for prompt in table.column("prompt"))


def test_the_name_of_a_clip_is_in_the_first_column_whatever_it_is_called(tmp_path):
    (tmp_path / "s4_meta_data.csv").write_text("whatever,start,category,split\n-abc,3,dog_barking,test\nx,1,dog,val\n")
    assert S4Folder(tmp_path, tmp_path).clips("test") == [Clip("-abc", "dog_barking", "test")]


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".safetensors"])
def test_features_in_other_formats_give_the_same_clips(make_benchmark, own_s4, suffix):
    released = make_benchmark(root=str(own_s4), side=32).split("test", "audio")[[0, 1]].inputs["audio"].values
    assert rewrite_zips(own_s4 / "feature", suffix) == 6
    found = make_benchmark(root=str(own_s4), side=32).split("test", "audio")
    assert torch.equal(found[[0, 1]].inputs["audio"].values, released)
    assert not found.inventory().absent["audio"]


@pytest.mark.parametrize("place", ["", "test", "test/zip", "test/zip/dog_barking"])
def test_extraction_notes_are_compared_with_the_settings(make_benchmark, own_s4, place):
    folder, benchmark = own_s4 / "feature/audio" / place, make_benchmark(root=str(own_s4), side=32)
    check_other_extractor(
        folder, "audio_made_by", lambda: benchmark.extraction, lambda: benchmark.split("train", "audio")
    )
    assert make_benchmark(root=str(own_s4), side=32, audio_made_by="mine").extraction["audio"] == "mine"


@pytest.mark.parametrize(
    ("values", "told"), [(-0.5, "which gives no negative values"), (200.0, "rounded to eight bits")]
)
def test_values_that_contradict_the_settings_are_refused(make_benchmark, own_s4, values, told):
    [path] = (own_s4 / "feature/audio/test/zip/dog_barking").glob("*.zip")
    np.save(path.with_suffix(".npy"), np.full((5, 128), values))
    path.unlink()
    with pytest.raises(DataError, match=f"{path.stem}.npy.*{told}"):
        make_benchmark(root=str(own_s4), side=32).split("test", "audio")[[0, 1]]


# The modes


def test_strict_reads_features_as_they_are(make_benchmark):
    values = make_benchmark().split("train", "audio")[[0]].inputs["audio"].values
    assert (values >= 0).all(), "VGGish ends in a ReLU"


def test_as_published_mixes_time_by_a_random_map(make_benchmark):
    strict, published = make_benchmark(), make_benchmark("as-published")
    for modality, tiled in (("audio", 2), ("text", 1)):
        values = strict.split("train", modality)[[0, 1]].inputs[modality].values
        torch.manual_seed(123)
        layer = torch.nn.Linear(10, 5)
        expected = layer(values.tile(1, tiled, 1).transpose(1, 2)).transpose(1, 2).detach()
        torch.testing.assert_close(published.split("train", modality)[[0, 1]].inputs[modality].values, expected)


def test_as_published_draws_another_map_to_test(make_benchmark):
    same = make_benchmark("as-published", map_seed=7)
    test = same.split("test", "text")[[0]].inputs["text"].values
    assert not torch.equal(
        test, make_benchmark("as-published", map_seed=8).split("test", "text")[[0]].inputs["text"].values
    )
    assert torch.equal(
        test, make_benchmark("as-published", map_seed=7).split("test", "text")[[0]].inputs["text"].values
    )
    training = same.split("train", "text")[[0]].inputs["text"].values
    validation = same.split("validation", "text")[[0]].inputs["text"].values
    assert torch.equal(training, validation) and not torch.equal(training, test), "all are of the same sentence"


def test_what_follows_from_the_mode(make_benchmark):
    strict, published = make_benchmark(), make_benchmark("as-published", pretraining="90k")
    assert not strict.dropout and published.dropout
    assert (strict.selection, published.selection) == ("validation", "target-validation")
    assert not strict.published
    assert published.published["audio->text/mean_iou"] == 0.765
    assert not make_benchmark("as-published", pretraining="other").published
    assert not make_benchmark("as-published", modalities=("text", "audio")).published, "they are of three modalities"
    assert strict.transfers() == [Transfer("audio", "text"), Transfer("text", "audio")]
    draw = torch.Generator().manual_seed(0)
    target = (torch.rand(8, 5, 6, 6, generator=draw) < 0.3).to(torch.uint8) * 255
    prediction = strict.guess(target, draw)
    assert strict.metrics["f_score"](prediction, target) == f_score(prediction, target)
    halves = [(prediction[rows], target[rows]) for rows in (slice(4), slice(4, 8))]
    for name, metric in (("mean_iou", mean_iou), ("f_score", f_score)):
        assert published.metrics[name](prediction, target) == pytest.approx(sum(metric(*half) for half in halves) / 2)


def test_constants_are_all_and_nothing(make_benchmark):
    target = torch.zeros(3, 5, 4, 4, dtype=torch.uint8)
    target[..., :1] = 255
    nothing, everything = make_benchmark().constants(target)
    assert mean_iou(nothing, target) == 0.0 and mean_iou(everything, target) == 0.25
    assert f_score(nothing, target) == 0.0
    assert f_score(everything, target) == pytest.approx(1.3 * 0.25 / (0.3 * 0.25 + 1)), "precision 1/4, recall 1"


# Damage


def first(root: Path, kind: str, number: int = 1) -> Path:
    [folder] = (root / "s4_data" / kind / "train" / "dog_barking").glob("-id_0000000_*")
    return folder / f"{folder.name}_{number}.png"


def damaged(root: Path, kind: str) -> str:
    """Damage something of a training clip; gives what the complaint must say."""
    frame, mask = first(root, "visual_frames", 4), first(root, "gt_masks")
    if kind == "no frame":
        frame.unlink()
        return rf"1 of 2 clips of 'train' differ from the distributed data, e\.g\. .* lacks {frame.name}"
    if kind == "no mask":
        mask.unlink()
        return f"gt_masks.* lacks {mask.name}"
    if kind == "no folder":
        shutil.rmtree(frame.parent)
        return "1 of 2 clips of 'train'"
    if kind == "extra frame":
        shutil.copy(frame, frame.with_name(f"{frame.parent.name}_6.png"))
        return f"has an unexpected {frame.parent.name}_6.png"
    if kind == "cut frame":
        frame.write_bytes(frame.read_bytes()[:100])
        return f"{frame.name} is no complete picture"
    if kind == "text as frame":
        frame.write_text("404 not found")
        return f"{frame.name} is no complete picture"
    if kind == "other size":
        Image.new("RGB", (48, 32)).save(frame)
        return f"{frame.name} has 48 x 32 pixels, expected 32 x 32"
    if kind == "mask of other size":
        Image.new("1", (32, 48)).save(mask)
        return f"{mask.name} has 32 x 48 pixels, expected 32 x 32"
    if kind == "no sound":
        shutil.rmtree(root / "feature" / "audio" / "train")
        return r"2 of 2 clips of 'train' lack audio features, e\.g\. .*-id_0000000_0000\.zip"
    if kind == "no prompt":
        (root / "AVSBenchCategories2Prompts.csv").write_text("label,prompt\nhorse_clip-clop,The regular clip\n")
        return "has no prompt for 'dog_barking'"
    if kind == "no table":
        (root / "s4_meta_data.csv").unlink()
        return "s4_meta_data.csv is missing"
    if kind == "cut table":
        table = (root / "s4_meta_data.csv").read_text()
        (root / "s4_meta_data.csv").write_text(table[: table.index("train") - 5] + "\n")
        return r"s4_meta_data.csv differs from the distributed table: 1 x malformed row"
    if kind == "repeated clip":
        table = (root / "s4_meta_data.csv").read_text()
        (root / "s4_meta_data.csv").write_text(table + table.splitlines()[1] + "\n")
        return r"s4_meta_data.csv has -id_0000000_0000 2 times"
    (root / "s4_meta_data.csv").write_text("name,start,category,split\nx,1,dog_barking,test\n")
    return "has no clip of the split 'train'"


@pytest.mark.parametrize(
    "kind",
    [
        "no frame",
        "no mask",
        "no folder",
        "extra frame",
        "cut frame",
        "text as frame",
        "other size",
        "mask of other size",
        "no sound",
        "no prompt",
        "no table",
        "cut table",
        "repeated clip",
        "no split",
    ],
)
def test_damage_gives_one_clear_message(make_benchmark, own_s4, kind):
    message = damaged(own_s4, kind)
    benchmark = make_benchmark(root=str(own_s4), side=32)
    with pytest.raises(DataError, match=message):
        for modality in ("audio", "text"):
            split = benchmark.split("train", modality)
            split[[0, 1]]
            split.given([0, 1])


def test_other_files_beside_the_pictures_do_not_matter(make_benchmark, own_s4):
    (first(own_s4, "visual_frames").parent / "Thumbs.db").touch()
    assert len(make_benchmark(root=str(own_s4), side=32).split("train", "audio")) == 2


def test_another_bert_than_that_of_pretraining_is_refused(make_benchmark):
    benchmark = make_benchmark()
    benchmark.shapes["text"] = (768,)
    with pytest.raises(DataError, match=r"this BERT gives vectors \(16,\), pretraining used \(768,\)"):
        benchmark.split("test", "text")


def test_another_bert_makes_other_features(make_benchmark, bert, tmp_path):
    here = make_benchmark().extraction["text"]
    copy = shutil.copytree(bert, tmp_path / "copy")
    assert make_benchmark(bert=str(copy)).extraction["text"] == here
    (copy / "model.safetensors").write_bytes(b"others")
    assert make_benchmark(bert=str(copy)).extraction["text"] != here


def test_a_model_without_text_is_refused(make_benchmark):
    with pytest.raises(ComponentError, match="the model has no 'text'"):
        make_benchmark(modalities=("audio", "video"))


def test_without_a_folder_it_says_where_to_get_the_data(make_benchmark):
    with pytest.raises(DataError, match="needs `root`") as caught:
        make_benchmark(root=None).split("test", "audio")
    assert "github.com/OpenNLPLab/AVSBench" in caught.value.help
    assert AvsbenchS4.card.how_to_get == caught.value.help


def test_the_context_is_all_it_needs_to_be_built(pretraining):
    benchmark = AvsbenchS4(AvsbenchS4.Config(), BenchmarkContext(("audio", "text"), pretraining, "strict"))
    assert benchmark.given == Space((5, 3, 224, 224))


def test_pictures_of_strangers(tmp_path):
    """The size is checked before a picture is decoded, and only PNG and JPEG are read."""
    Image.new("1", (9_000, 9_000)).save(tmp_path / "large.png")
    Image.new("L", (32, 32)).save(tmp_path / "other.tga")
    (tmp_path / "other.tga").rename(tmp_path / "other.png")
    os.mkfifo(tmp_path / "pipe.png")
    messages = {"large": "has 9000 x 9000 pixels", "other": "is no complete picture", "pipe": "is a named pipe"}
    for name, told in messages.items():
        with pytest.raises(DataError, match=f"{name}.png {told}"):
            read_pixels(tmp_path / f"{name}.png", "L", 32)
