"""Sound as speech embeddings, and recordings without variations."""

from __future__ import annotations

import sys
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_digits import front_ends
from codaar_plugin_digits.speech import OneVoice, SpokenDigitDataset, centred, loud
from scipy.signal import resample

from codaar_core.api import DataError

needs_speech_network = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("codaar_plugin_packaged", "openwakeword", "onnxruntime")),
    reason="pip install 'codaar-plugin-digits[speech]'",
)
TAKES = 4  # of each digit by each speaker


@pytest.fixture
def recordings(tmp_path, monkeypatch) -> str:
    """A folder laid out as the Free Spoken Digit Dataset, with short tones."""
    monkeypatch.setattr(SpokenDigitDataset, "takes", TAKES)
    (tmp_path / "recordings").mkdir()
    for digit in range(10):
        for speaker, name in enumerate(SpokenDigitDataset.speakers):
            for take in range(TAKES):
                hertz = 200 + 150 * digit + 20 * speaker + 3 * take
                write_tone(tmp_path / "recordings" / f"{digit}_{name}_{take}.wav", hertz)
    return str(tmp_path)


def write_tone(path: Path, hertz: float) -> None:
    samples = 8_000 * np.sin(2 * np.pi * hertz * np.arange(4_000) / 8_000)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes(samples.astype("<i2").tobytes())


def one_at_a_time(sound: np.ndarray) -> np.ndarray:
    """The mean of the three embeddings of one second, by the two networks of the package without any other code."""
    import onnxruntime

    folder = Path(find_spec("openwakeword").origin).parent / "resources" / "models"
    spectrogram, network = (
        onnxruntime.InferenceSession(str(folder / name), providers=["CPUExecutionProvider"])
        for name in ("melspectrogram.onnx", "embedding_model.onnx")
    )
    samples = (resample(sound, 16_000) * 32_767).astype(np.float32)
    frames = spectrogram.run(None, {"input": samples[None]})[0].reshape(97, 32) / 10 + 2
    pieces = [frames[start : start + 76].reshape(1, 76, 32, 1).astype(np.float32) for start in (0, 8, 16)]
    return np.mean([network.run(None, {"input_1": piece})[0].reshape(96) for piece in pieces], 0)


@needs_speech_network
def test_embeddings_of_many_sounds_are_those_of_one_at_a_time():
    random = np.random.default_rng(0)
    sounds = random.standard_normal((3, 8_000)) * np.array([[0.3], [0.00001], [0.02]])
    found = front_ends.embeddings(torch.from_numpy(sounds.astype(np.float32)))
    assert found.shape == (3, 96) and found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), [one_at_a_time(sound) for sound in sounds], rtol=0, atol=1e-3)


def test_a_resampled_tone_is_the_same_tone():
    slow, fast = (torch.sin(2 * torch.pi * 700 * torch.arange(rate) / rate) for rate in (8_000, 16_000))
    torch.testing.assert_close(front_ends.resampled(slow[None], 16_000), fast[None], rtol=0, atol=1e-3)


@needs_speech_network
def test_the_setting_gives_standardised_embeddings(make_digits, monkeypatch):
    monkeypatch.setattr(OneVoice, "variations", 10)
    source = make_digits(("audio",), sound="embedding")
    assert source.spaces["audio"].shape == (96,)
    assert source.synthetic(2, 0)[[0]].inputs["audio"].values.shape == (1, 10, 96)
    split = source.split("classification/train")
    assert split[[0, 5]].inputs["audio"].values.shape == (2, 10, 96)
    table = split.tracks["audio"].table
    assert table.shape == (11 * 10, 96)
    assert table.mean(0).abs().max() < 0.5 and ((table.std(0) - 1).abs() < 0.5).all()
    assert source.origin.startswith("AVT-Digits: speech captcha, as embedding, load_digits")


def test_without_the_package_the_error_installs_it(make_digits, monkeypatch):
    front_ends._speech_network.cache_clear()
    monkeypatch.setitem(sys.modules, "codaar_plugin_packaged.speech_network", None)
    source = make_digits(("audio",), sound="embedding")
    with pytest.raises(DataError, match="needs codaar-plugin-packaged") as error:
        source.split("pretrain")
    assert error.value.help == "pip install 'codaar-plugin-digits[speech]'"


def test_without_variations_each_recording_occurs_once(make_digits, recordings):
    dataset = SpokenDigitDataset(recordings, 0, variations=0)
    for digit, sounds in enumerate(dataset.seconds("train", np.random.default_rng(0))):
        expected = [centred(loud(dataset.read(digit, *take))) for take in dataset.cast("train")]
        assert len(expected) == 4 * TAKES
        np.testing.assert_array_equal(sounds, expected)
    source = make_digits(("audio",), speech="fsdd", root=recordings, variations=0)
    assert source.split("pretrain").tracks["audio"].table.shape == (11 * 4 * TAKES, 128)
    assert "speech fsdd fold 0 with 0 variations, load_digits" in source.origin


@pytest.mark.parametrize("variations", [1, 2, 3])
def test_variations_stand_beside_each_training_recording(recordings, variations):
    dataset = SpokenDigitDataset(recordings, 0, variations=variations)
    counts = {pool: len(next(dataset.seconds(pool, np.random.default_rng(0)))) for pool in ("train", "test")}
    assert counts == {"train": 4 * TAKES * (1 + variations), "test": 2 * TAKES}


def test_the_origin_names_variations_and_front_end(make_digits, recordings):
    source = make_digits(("audio",), speech="fsdd", root=recordings, variations=0, sound="embedding")
    assert "speech fsdd fold 0 with 0 variations, as embedding, load_digits" in source.origin
