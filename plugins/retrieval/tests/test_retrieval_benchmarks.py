"""The benchmarks on small copies of their data: the whole kit, splits, modes, and complaints."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_retrieval.clotho import ClothoRetrieval
from codaar_plugin_retrieval.coco import CocoRetrieval
from codaar_plugin_retrieval.splits import read_steps

from codaar_core.api import BenchmarkContext, ComponentError, DataError, Predicted, Transfer
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.data_plugins import check_other_extractor, rewrite_zips
from codaar_core.testing.subjects import BenchmarkSubject

MODALITIES = ("audio", "video", "text")
KINDS = {"coco": (CocoRetrieval, "video"), "clotho": (ClothoRetrieval, "audio")}


@pytest.fixture(params=KINDS)
def copy(request, bert):
    """Class, name of the items' modality, and settings for a small copy."""
    kind, modality = KINDS[request.param]
    return kind, modality, {"root": str(request.getfixturevalue(request.param)), "bert": str(bert), "tokens": 12}


def built(copy, mode="strict", modalities=MODALITIES, **settings):
    kind, _, given = copy
    return kind(kind.Config(**{**given, **settings}), BenchmarkContext(modalities, None, mode))


@pytest.mark.parametrize("check", checks_of("benchmark"), ids=lambda check: check.name)
def test_the_whole_kit_on_a_copy(copy, check, monkeypatch):
    monkeypatch.setattr("codaar_plugin_retrieval.retrieval.KS", (1,))  # of three items, any five are the right ones
    kind, _, given = copy

    class Copy(kind):
        example = {**kind.example, **given}

    if check.name not in ("copies", "settings-round-trip", "described", "evaluates"):  # those need an importable class
        check(BenchmarkSubject("benchmark", "copy", Copy))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
def test_splits_name_and_number_the_items(copy, mode):
    benchmark, modality = built(copy, mode), copy[1]
    items, captions = (benchmark.split("test", each) for each in (modality, "text"))
    assert len(captions) == 5 * len(items) == len(captions.ids)
    assert captions.ids[::5] == items.ids
    batch = items[range(len(items))]
    assert batch.targets[modality].tolist() == list(range(len(items)))
    batch = captions[[5, 0, 6]]
    assert batch.targets["text"].tolist() == [1, 0, 1]
    values, mask = batch.inputs["text"]
    assert values.shape == (3, 12, 8) and mask.sum(1).tolist() == [len(_words(benchmark, each)) for each in (5, 0, 6)]


def _words(benchmark, caption) -> np.ndarray:
    text = benchmark.split("test", "text").captions[caption]
    return benchmark.words.pieces([text])[0].tokens


@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_other_formats_give_the_same_items(copy, suffix):
    released = built(copy).split("test", copy[1])[[0, 2]].inputs[copy[1]]
    assert rewrite_zips(Path(copy[2]["root"]), suffix)
    found = built(copy).split("test", copy[1])
    assert not found.absent() and torch.equal(found[[0, 2]].inputs[copy[1]].values, released.values)


def test_extraction_notes_are_compared_with_the_settings(copy):
    modality = copy[1]
    folder, benchmark = Path(copy[2]["root"]) / "feature" / modality / "zip", built(copy)
    check_other_extractor(folder, "made_by", lambda: benchmark.extraction, lambda: benchmark.split("test", modality))
    assert built(copy, made_by="mine").extraction[modality] == "mine"


def test_negative_values_after_a_rectifier_are_refused(bert, clotho):
    np.save(clotho / "feature/audio/zip/cat.npy", np.full((3, 128), -0.5))
    (clotho / "feature/audio/zip/cat.zip").unlink()
    copy = (ClothoRetrieval, "audio", {"root": str(clotho), "bert": str(bert)})
    with pytest.raises(DataError, match="cat.npy: made_by is 'vggish-relu', which gives no negative values"):
        built(copy).split("test", "audio")[range(3)]
    assert built(copy, made_by="vggish-linear").split("test", "audio")[range(3)].inputs["audio"].values.min() == -0.5


def test_a_picture_is_a_video_of_one_step(bert, coco):
    benchmark = built((CocoRetrieval, "video", {"root": str(coco), "bert": str(bert)}))
    values, mask = benchmark.split("test", "video")[[2, 0]].inputs["video"]
    assert values.shape == (2, 1, 7, 7, 512) and mask.all()


def test_recordings_keep_their_lengths(bert, clotho):
    benchmark = built((ClothoRetrieval, "audio", {"root": str(clotho), "bert": str(bert)}))
    values, mask = benchmark.split("test", "audio")[[0, 2, 1]].inputs["audio"]
    assert values.shape == (3, 30, 128) and values.dtype == torch.float32
    assert mask.sum(1).tolist() == [15, 21, 30] and not values[~mask].any()


def test_splits_go_to_other_processes(copy):
    benchmark = built(copy)
    for modality in (copy[1], "text"):
        split = benchmark.split("test", modality)
        again = pickle.loads(pickle.dumps(split))
        assert torch.equal(again[[1]].inputs[modality].values, split[[1]].inputs[modality].values)


def test_modes_differ_in_what_becomes_one_code_and_in_published_numbers(copy):
    strict, published = built(copy), built(copy, "as-published")
    assert strict.summarised == () and strict.published == {}
    assert published.summarised == ("text",)
    there, back = published.transfers()
    assert back == Transfer(*reversed(there)) == Transfer("text", copy[1])
    assert next(iter(published.metrics)) == "R@1"
    assert len(published.published) == 12


@pytest.mark.parametrize(
    ("kind", "pretraining", "recalls"),
    [
        (CocoRetrieval, "40k", [0.80, 4.40, 9.50]),
        (CocoRetrieval, "90k", [1.30, 6.10, 10.40]),
        (ClothoRetrieval, "40k", [3.30, 11.57, 19.00]),
        (ClothoRetrieval, "90k", [5.64, 16.65, 24.70]),
    ],
)
def test_published_numbers_are_those_of_table_3(kind, pretraining, recalls):
    config = kind.Config(pretraining=pretraining)
    found = kind(config, BenchmarkContext(MODALITIES, None, "as-published")).published
    a, b = (config.modality, "text")
    for train, test in ((a, b), (b, a)):
        assert [100 * found[f"{train}->{test}/R@{k}"] for k in (1, 5, 10)] == pytest.approx(recalls)
        assert [100 * found[f"{train}->{test}/R@{k}_by_index"] for k in (1, 5, 10)] == pytest.approx(recalls)
    other = kind.Config(pretraining="other")
    assert kind(other, BenchmarkContext(MODALITIES, None, "as-published")).published == {}


def test_the_truth_finds_everything_and_constants_are_chance(copy):
    benchmark = built(copy)
    items = len(benchmark.items)
    one_each, five_each = torch.arange(items), torch.arange(items).repeat_interleave(5)
    for source, target in ((one_each, five_each), (five_each, one_each)):
        perfect = [Predicted(torch.eye(items)[each], each) for each in (source, target)]
        assert benchmark.score(*perfect) == pytest.approx(dict.fromkeys(benchmark.metrics, 1.0))
        constant = [Predicted(next(benchmark.constants(each)), each) for each in (source, target)]
        scores = benchmark.score(*constant)
        assert scores["R@1"] == pytest.approx(1 / items) == scores["distinct"]
        assert scores["R@1_optimistic"] == 1 and scores["R@1_pessimistic"] == 0


def test_a_model_without_the_modality_is_refused(copy):
    with pytest.raises(ComponentError, match=f"needs the modality {copy[1]!r}; the model has smell, text"):
        built(copy, modalities=("smell", "text"))
    assert built(copy, modalities=("smell", "text"), modality="smell").transfers()[0] == Transfer("smell", "text")


def test_another_bert_makes_other_features(copy, bert, tmp_path):
    here = built(copy).extraction
    again = shutil.copytree(bert, tmp_path / "copy")
    assert built(copy, bert=str(again)).extraction == here
    (again / "model.safetensors").write_bytes(b"others")
    other = built(copy, bert=str(again)).extraction
    assert other[copy[1]] == here[copy[1]] and other["text"] != here["text"]


def test_nothing_is_to_be_trained(copy):
    with pytest.raises(DataError, match="retrieval has no train clips"):
        built(copy).split("train", "text")


def test_without_a_root_it_says_what_to_download(copy):
    with pytest.raises(DataError, match="needs `root`") as caught:
        built(copy, root=None).split("test", copy[1])
    assert "features: V" in caught.value.help


def test_absent_features_are_counted_before_anything_is_read(copy):
    benchmark, modality = built(copy), copy[1]
    path = benchmark.split("test", modality).path(1)
    path.unlink()
    with pytest.raises(DataError, match=f"1 of {len(benchmark.items)} items have no features, e.g. .*{path.name}"):
        benchmark.split("test", modality)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK")])
def test_an_item_that_is_skipped_takes_its_captions_with_it(copy, damage):
    whole = built(copy)
    damage(whole.split("test", copy[1]).path(1))
    skipping = built(copy, bad_clips="skip", bad_share=0.4)
    with pytest.warns(UserWarning, match=f"1 of {len(whole.items)} clips are left out"):
        items, captions = (skipping.split("test", each) for each in (copy[1], "text"))
    left = [item for item in whole.items if item != whole.items[1]]
    assert items.ids == [item.id for item in left] and captions.ids == [item.id for item in left for _ in range(5)]
    assert items[range(len(left))].targets[copy[1]].tolist() == list(range(len(left)))
    assert list(items.notes) == [f"1 of {len(whole.items)} clips cannot be read and are left out"]


def test_too_many_bad_items_are_refused(copy):
    built(copy).split("test", copy[1]).path(1).unlink()
    with pytest.raises(DataError, match="1 of . clips cannot be read, 0 may be left out"):
        built(copy, bad_clips="skip").split("test", "text")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((0, 128)), r"expected the shape \(steps, 128\), it has \(0, 128\)"),
        (np.zeros((3, 64)), r"expected the shape \(steps, 128\), it has \(3, 64\)"),
        (np.full((3, 128), np.nan), "NaN or infinite"),
        (np.full((3, 128), 255.0), "rounded to eight bits"),
    ],
)
def test_unusable_features_are_named(tmp_path, values, message):
    np.save(tmp_path / "clip.npy", values)
    with pytest.raises(DataError, match=message):
        read_steps(tmp_path / "clip.npy", (128,))


def test_a_step_may_lack_the_axis_of_time(tmp_path):
    np.save(tmp_path / "picture.npy", np.ones((2, 2, 3)) / 3)
    assert read_steps(tmp_path / "picture.npy", (2, 2, 3)).shape == (1, 2, 2, 3)
    np.save(tmp_path / "picture.npy", np.ones((1, 2, 2, 3)) / 3)
    assert read_steps(tmp_path / "picture.npy", (2, 2, 3)).shape == (1, 2, 2, 3)
