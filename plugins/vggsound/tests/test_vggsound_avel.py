"""VGGSound-AVEL as it is released, and every way in which its files may be damaged."""

from __future__ import annotations

import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_vggsound.vggsound_avel import VggsoundAvel

from codaar_core.api import DataContext, DataError
from codaar_core.features import Header, PackedSplit, pack_split
from codaar_core.testing.data_plugins import check_other_extractor, rewrite_zips, write_zipped_pickle
from codaar_core.testing.released_numbers import shared  # noqa: F401

# A made-up release: six clips in the formats of the real ones

CLASSES = ("barking", "race car", "yodelling")
LIST = (
    *(("race car", "-race_carAA", "train"), ("barking", "_barkingAAA", "val"), ("yodelling", "yodellingAA", "test")),
    *(("barking", "barkingBBBB", "train"), ("barking", "barkingCCCC", "test"), ("race car", "race_carBBB", "train")),
)
AS_RELEASED = ["-race_carAA", "barkingBBBB", "race_carBBB", "yodellingAA", "barkingCCCC", "_barkingAAA"]
SEEN = np.array([0, 1, 1, 1, 0, 0, 1, 1, 1, 1])
LABEL_SHAPES = ((10,), (1, 10), (10, 1))


@pytest.fixture(scope="session")
def annotations(shared: Path) -> Path:  # noqa: F811
    """The annotation tables of the CoDAAR release, beside the checkout."""
    folder = shared / "datasets" / "codaar_annotations" / "Vggsound"
    if not folder.is_dir():
        pytest.skip(f"needs the annotation tables in {folder}")
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    """Where the release was put."""
    (tmp_path / "VggsoundAVEL40kCategories.txt").write_text("\n".join(CLASSES))
    prompts = [f"{name},The loud sound of {name}" for name in CLASSES]
    (tmp_path / "vggsoundCategories2Prompts.csv").write_text("\n".join(["label,prompt", *prompts]))
    write_list(tmp_path, LIST)
    generator = np.random.default_rng(0)
    for number, (_, name, _) in enumerate(LIST):
        steps = (10, 7, 12)[number % 3]
        write_zip(tmp_path / "feature/audio/zip", name, generator.random((steps, 128)))
        write_zip(tmp_path / "feature/video/zip", name, generator.random((10, 7, 7, 512), np.float32))
        write_zip(tmp_path / "label/zip", name, SEEN.reshape(LABEL_SHAPES[number % 3]))
    return tmp_path


def write_list(folder: Path, rows) -> None:
    lines = ["category,video_id,split", *map(",".join, rows)]
    (folder / "vggsound-avel40k.csv").write_text("\n".join(lines))


def write_zip(folder: Path, name: str, values: np.ndarray) -> None:
    write_zipped_pickle(folder / f"{name}.zip", values, protocol=4)


@pytest.fixture
def source(root):
    """Build the source on the made-up release."""

    def build(*modalities: str, **settings) -> VggsoundAvel:
        config = VggsoundAvel.Config(**{"root": str(root), **settings})
        return VggsoundAvel(config, DataContext(modalities or ("audio", "video")))

    return build


@pytest.fixture
def word_pieces(monkeypatch):
    """In place of BERT: a text's vectors tell its number and the piece; gives what was asked for."""
    asked = {}

    class WordPieces:
        def __init__(self, weights, cache, tokens, keep):
            asked.update(weights=weights, cache=cache, tokens=tokens, keep=keep, texts=[])

        def features(self, texts):
            asked["texts"] += texts
            steps = np.arange(len(texts))[:, None, None] + np.arange(10)[None, :, None] / 10
            return np.repeat(steps, 768, axis=2).astype(np.float32)

    module = types.ModuleType("codaar_plugin_bert.word_pieces")
    module.WordPieces = WordPieces
    monkeypatch.setitem(sys.modules, "codaar_plugin_bert.word_pieces", module)
    return asked


# As released


def test_pretraining_joins_train_test_and_val(source):
    split = source().split("pretrain")
    assert list(split.ids) == AS_RELEASED
    batch = split[[3, 0]]
    assert batch.inputs["audio"].values.shape == (2, 10, 128) and batch.inputs["video"].values.shape == (
        2,
        10,
        7,
        7,
        512,
    )
    assert batch.inputs["audio"].values.dtype == torch.float32 and batch.targets == {}


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
def test_files_of_other_formats_give_the_same_clips(source, root, suffix):
    released = source().split("train")[range(3)]
    assert rewrite_zips(root, suffix) == 3 * len(LIST)
    found = source().split("train")[range(3)]
    for modality, target in found.targets.items():
        assert torch.equal(found.inputs[modality].values, released.inputs[modality].values)
        assert torch.equal(target, released.targets[modality])


def test_the_training_part_alone(source):
    assert list(source(rows="train").split("pretrain").ids) == AS_RELEASED[:3]


@pytest.mark.parametrize(
    ("name", "ids"), [("train", AS_RELEASED[:3]), ("test", AS_RELEASED[3:5]), ("val", AS_RELEASED[5:])]
)
def test_parts_have_labels_of_every_second(source, name, ids):
    split = source().split(name)
    assert list(split.ids) == ids
    targets = split[range(len(split))].targets
    classes = dict((name, CLASSES.index(category)) for category, name, _ in LIST)
    for modality in ("audio", "video"):
        assert targets[modality].shape == (len(ids), 10, 4)
        assert (targets[modality].sum(-1) == 1).all()
        for target, name in zip(targets[modality], ids, strict=True):
            assert target[:, classes[name]].tolist() == SEEN.tolist()
            assert target[:, -1].tolist() == (1 - SEEN).tolist()


def test_short_sound_repeats_its_last_second(source):
    audio = source().split("pretrain")[range(6)].inputs["audio"].values
    short = AS_RELEASED.index("_barkingAAA")
    assert (audio[short, 7:] == audio[short, 6]).all() and not (audio[short, 6] == audio[short, 5]).all()


def test_text_is_the_prompt_of_the_class(source, word_pieces, root):
    split = source("text", keep="kept.csv", cache="vectors").split("pretrain")
    values = split[range(6)].inputs["text"].values
    assert values.shape == (6, 10, 768) and values.dtype == torch.float32
    assert values[:, 0, 0].tolist() == [1, 0, 1, 2, 0, 0]
    assert values[0, :, 5].tolist() == pytest.approx([1 + step / 10 for step in range(10)])
    assert word_pieces["texts"] == [f"The loud sound of {name}" for name in CLASSES]
    assert word_pieces["tokens"] == 10 and word_pieces["weights"] is None
    assert word_pieces["keep"] == str(root / "kept.csv") and word_pieces["cache"] == "vectors"


def test_without_text_bert_is_not_asked(source, word_pieces):
    source("audio").split("pretrain")[[0]]
    source("audio", "text").inventory("pretrain")
    assert word_pieces == {}


def test_packed_clips_are_the_same(source, word_pieces, tmp_path):
    data = source("audio", "video", "text")
    split = data.split("train")
    pack_split(split, tmp_path / "p.h5", Header(data.origin, data.card.licence, dict(data.extraction)), "float32")
    original, packed = split[range(3)], PackedSplit(tmp_path / "p.h5")[range(3)]
    for modality in ("audio", "video", "text"):
        assert torch.equal(original.inputs[modality].values, packed.inputs[modality].values)
        assert torch.equal(original.targets[modality], packed.targets[modality])


def test_channels_first(source, root):
    folder = root / "turned"
    for name in AS_RELEASED:
        write_zip(folder, name, np.moveaxis(frames(root, name), -1, 1))
    turned = source("video", video="turned", channels="first").split("pretrain")[[0]]
    assert torch.equal(turned.inputs["video"].values, source("video").split("pretrain")[[0]].inputs["video"].values)


def frames(root, name):
    with zipfile.ZipFile(root / "feature/video/zip" / f"{name}.zip") as archive:
        return pickle.loads(archive.read("feature.pkl"))


def test_what_is_recorded(source):
    data = source()
    assert data.origin.startswith("VGGSound-AVEL: vggsound-avel40k.csv sha256 ")
    assert data.origin.endswith(", all rows")
    assert data.extraction == {"audio": "vggish-relu", "video": "keras-vgg19-pool5", "text": "bert-base-uncased"}
    assert source(video_made_by="torchvision-vgg19").extraction["video"] == "torchvision-vgg19"


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_extraction_notes_are_compared_with_the_settings(source, root, modality):
    folder, data = root / "feature" / modality / "zip", source()
    check_other_extractor(folder, f"{modality}_made_by", lambda: data.extraction, lambda: data.split("pretrain"))
    agreed = source(**{f"{modality}_made_by": "mine"})
    assert agreed.extraction[modality] == "mine" and len(agreed.split("pretrain")) == len(LIST)


def test_another_bert_makes_other_features(source, tmp_path):
    for name, weights in {"one": b"1", "copy": b"1", "two": b"2"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    one, copy, two = (source(bert=str(tmp_path / name)).extraction["text"] for name in ("one", "copy", "two"))
    assert one == copy != two


def test_a_split_that_is_not_there(source):
    with pytest.raises(DataError, match="no split 'dev'"):
        source().split("dev")


def test_without_root():
    data = VggsoundAvel(VggsoundAvel.Config(), DataContext(("audio",)))
    with pytest.raises(DataError, match="needs `root`") as error:
        data.split("pretrain")
    assert "data.root" in error.value.help
    assert data.synthetic(2, 0)[[0, 1]].inputs["audio"].values.shape == (2, 10, 128)


# Damage


def spoil(root, how):
    audio, name = root / "feature/audio/zip", AS_RELEASED[1]
    path = audio / f"{name}.zip"
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif how == "forbidden":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.pkl", b"cos\nsystem\n(S'true'\ntR.")
    elif how == "shape":
        write_zip(audio, name, np.zeros((10, 64)))
    elif how == "nan":
        write_zip(audio, name, np.full((10, 128), np.nan))
    elif how == "quantised":
        write_zip(audio, name, np.full((10, 128), 255.0))
    elif how == "eight bits":
        write_zip(audio, name, np.ones((10, 128), np.uint8))
    elif how == "negative":
        write_zip(audio, name, np.full((10, 128), -0.5))
    else:
        path.unlink()


DAMAGE = {
    "truncated": "no complete zip file",
    "forbidden": "the pickle asks for os.system",
    "shape": r"expected the shape \(steps, 128\), it has \(10, 64\)",
    "nan": "1,280 of 1,280 values are NaN",
    "quantised": "look rounded to eight bits",
    "eight bits": r"look rounded to eight bits \(values of type uint8 up to 1\)",
    "negative": "made_by is 'vggish-relu', which gives no negative values, and the smallest is -0.5",
    "missing": "1 of 6 clips have no file of 'audio'",
}


@pytest.mark.parametrize(("how", "said"), DAMAGE.items())
def test_a_damaged_clip_is_one_error_that_names_it(source, root, how, said):
    spoil(root, how)
    with pytest.raises(DataError, match=said) as error:
        source().split("pretrain")[[0, 1]]
    assert f"{AS_RELEASED[1]}.zip" in error.value.message


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_clips_can_be_skipped_and_are_counted(source, root, how):
    spoil(root, how)
    with pytest.warns(UserWarning, match="1 of 6 clips are left out"):
        split = source(bad_clips="skip", bad_share=0.2).split("pretrain")
        assert list(split.ids) == [name for name in AS_RELEASED if name != AS_RELEASED[1]]
    with pytest.raises(DataError, match="1 of 6 clips cannot be read, 0 may be left out"):
        len(source(bad_clips="skip", bad_share=0.1).split("pretrain"))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros(9), r"expected ten labels, it has the shape \(9,\)"),
        (np.full(10, 2.0), "expected zeros and ones, it has 2"),
    ],
)
def test_damaged_labels(source, root, labels, said):
    write_zip(root / "label/zip", AS_RELEASED[0], labels)
    with pytest.raises(DataError, match=rf"{AS_RELEASED[0]}\.zip: {said}"):
        source().split("train")[[0]]


def test_two_rows_with_one_id(source, root):
    write_list(root, [*LIST, ("barking", "-race_carAA", "train")])
    data = source()
    assert list(data.split("pretrain").ids) == AS_RELEASED
    assert "(1 x repeated video_id left out)" in data.origin
    assert data.inventory("pretrain")[-1] == "repeated video_id left out: 1"


def test_rows_of_unknown_classes_and_parts(source, root):
    write_list(root, [*LIST, ("meowing", "meowing", "train"), ("barking", "barking", "dev"), ("barking", "short")])
    data = source()
    assert list(data.split("pretrain").ids) == AS_RELEASED
    assert data.listing.table.defects.counts == {
        "malformed row": 1,
        "unknown category left out": 1,
        "unknown split left out": 1,
    }


def test_a_missing_column(source, root):
    (root / "vggsound-avel40k.csv").write_text("category,video_id\nbarking,x")
    with pytest.raises(DataError, match=r"vggsound-avel40k\.csv has no column 'split'"):
        source().split("pretrain")


def test_a_wrong_separator(source, root):
    (root / "vggsound-avel40k.csv").write_text("category;video_id;split\nbarking;x;train")
    with pytest.raises(DataError, match="separated by TAB, &, comma"):
        source().split("pretrain")


def test_a_class_without_prompt(source, root, word_pieces):
    (root / "vggsoundCategories2Prompts.csv").write_text("label,prompt\nbarking,The sound of barking")
    with pytest.raises(DataError, match="has no prompt for 'race car'"):
        source("text").split("pretrain")


# The real tables


@pytest.mark.parametrize(
    ("size", "clips", "parts"),
    [("40k", 40801, (24515, 8171, 8115)), ("90k", 87323, (53598, 16858, 16867))],
)
def test_the_released_lists(annotations, size, clips, parts):
    listing = released(annotations, size).listing
    assert len(listing.table) == clips and not listing.table.defects
    assert len(listing.classes) == 141 == len(set(listing.table.column("category")))
    assert tuple(len(listing.rows((part,))[0]) for part in ("train", "val", "test")) == parts
    ids, classes = listing.rows(("train", "test", "val"))
    assert len(set(ids)) == clips and {len(name) for name in ids} == {11}
    counts = np.bincount(classes)
    assert (counts.min(), counts.max()) == {"40k": (53, 506), "90k": (328, 941)}[size]


def test_the_lists_agree_where_they_overlap(annotations):
    small, large = (
        {row["video_id"]: (row["category"], row["split"]) for row in released(annotations, size).listing.table}
        for size in ("40k", "90k")
    )
    common = small.keys() & large.keys()
    assert len(common) == 33508 and all(small[name] == large[name] for name in common)


def test_the_released_prompts(annotations):
    prompts = released(annotations, "40k").listing.prompts
    assert len(set(prompts)) == 141 and {len(prompt.split()) for prompt in prompts} == {7, 8, 9, 10, 11}


def released(annotations, size) -> VggsoundAvel:
    return VggsoundAvel(VggsoundAvel.Config(root=str(annotations), size=size), DataContext(("audio",)))
