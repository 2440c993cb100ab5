"""Front ends against slow, obvious twins."""

from __future__ import annotations

import io
import math
import wave

import numpy as np
import pytest
import torch
from codaar_plugin_digits import spectrum
from codaar_plugin_digits.images import TEST, TRAIN, VALIDATION, PatchMap, load_images
from codaar_plugin_digits.speech import LOUDNESS, OneVoice, SpokenDigitDataset, centred, loud, read_wave, respoken
from codaar_plugin_digits.streams import stream
from codaar_plugin_digits.words import DIGITS, NOTHING, embed, pieces
from scipy.fft import dctn

from codaar_core.api import DataError


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * spectrum.RATE)) / spectrum.RATE).astype(np.float32)


def pitch_of(sound: np.ndarray) -> float:
    """Middle of the energy: grains of a pure tone do not join in phase, which spreads its line evenly."""
    energy = np.abs(np.fft.rfft(sound)) ** 2
    return float((energy * np.fft.rfftfreq(len(sound), 1 / spectrum.RATE)).sum() / energy.sum())


def log_mel(sound: np.ndarray) -> np.ndarray:
    """A plain VGGish front end at 8 kHz, frame by frame and filter by filter."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    hertz = np.arange(257) * 8000 / 512
    mel = 1127 * np.log(1 + hertz / 700)
    edges = np.linspace(1127 * math.log(1 + 125 / 700), 1127 * math.log(1 + 3800 / 700), 66)
    image = np.zeros((96, 64))
    for frame in range(96):
        magnitude = np.abs(np.fft.rfft(sound[80 * frame : 80 * frame + 200] * window, 512))
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            weight = np.maximum(0, np.minimum((mel - low) / (middle - low), (high - mel) / (high - middle)))
            image[frame, band] = math.log(weight @ magnitude + 0.01)
    return image


def test_sound_coefficients_are_the_low_corner_of_the_cosine_transform_of_the_log_mel_image():
    sound = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32) + 0.2 * tone(700)
    expected = dctn(log_mel(sound), norm="ortho")[:16, :8].reshape(-1)
    ours = spectrum.coefficients(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_every_mel_filter_hears_something():
    assert (spectrum.mel_filters().sum(0) > 0).all()


def test_maps_are_triangle_distances_of_padded_patches():
    images = torch.from_numpy(load_images(stream(0, "images")).train[:, :4]).flatten(0, 1)
    patch_map = PatchMap(images, 12, stream(0, "patches"))
    ours = patch_map(images[:2])
    for image in range(2):
        padded = np.pad(images[image].numpy(), 1)
        for row in range(7):
            for column in range(7):
                patch = padded[row : row + 4, column : column + 4].reshape(-1)
                distance = np.sqrt(((patch - patch_map.dictionary.numpy()) ** 2).sum(1))
                expected = np.maximum(0, distance.mean() - distance) * patch_map.scale
                np.testing.assert_allclose(ours[image, row, column].numpy(), expected, atol=1e-5)
    assert patch_map(images).square().mean() == pytest.approx(1, abs=1e-4)


def test_image_pools_are_stratified_disjoint_and_follow_the_seed():
    images = load_images(stream(0, "images"))
    train, test = set(images.train_index.flat), set(images.test_index.flat)
    assert len(train) == 10 * TRAIN and len(test) == 10 * TEST and not train & test
    assert not np.array_equal(images.test_index, load_images(stream(1, "images")).test_index)


def test_words_are_fixed_and_like_words_are_near():
    near, far, table = "nineteen", "eggplant", embed(["nine"], 64)[0]
    cosine = torch.nn.functional.cosine_similarity(table, embed([near, far], 64))
    assert cosine[0] > 0.3 > abs(cosine[1])
    assert torch.equal(table, embed(["six", "nine"], 64)[1])
    assert pieces("one")[:3] == ["<one>", "<o", "on"]


def test_words_of_digits_are_far_apart():
    table = torch.nn.functional.normalize(embed([*DIGITS, NOTHING], 64))
    assert (table @ table.T).fill_diagonal_(0).max() < 0.6


def test_a_voice_at_its_own_pitch_and_rate_is_the_recording():
    recording = tone(300, 0.5)
    same = respoken(recording, np.array([1.0]), np.array([1.0]))[0]
    np.testing.assert_allclose(same, centred(recording), atol=1e-5)


@pytest.mark.parametrize(("pitch", "rate"), [(1.25, 1.0), (0.8, 1.0), (1.0, 0.75), (1.25, 1.3)])
def test_pitch_and_rate_change_apart_from_each_other(pitch, rate):
    sound = respoken(tone(400, 0.6), np.array([pitch]), np.array([rate]))[0]
    assert pitch_of(sound) == pytest.approx(400 * pitch, rel=0.03)
    heard = np.flatnonzero(np.abs(sound) > 1e-3)
    assert (heard[-1] - heard[0]) / spectrum.RATE == pytest.approx(0.6 / rate, abs=0.06)


def test_voice_pools_never_share_a_band_of_pitch():
    voice = OneVoice()
    low, high = voice.pitch
    for pool, parity in (("train", 0), ("test", 1)):
        pitch, rate = voice.voices(pool, np.random.default_rng(0))
        band = np.floor(np.log(pitch / low) / np.log(high / low) * voice.bands).astype(int)
        assert set(band) == set(range(parity, voice.bands, 2))
        assert len(set(zip(pitch, rate, strict=True))) == voice.variations
        assert rate.min() >= voice.rate[0] and rate.max() <= voice.rate[1]


def test_validation_divides_the_training_pools_and_leaves_the_test_pools_alone():
    images, validation = load_images(stream(0, "images")), load_images(stream(0, "images"), validation=True)
    train, test = set(validation.train_index.flat), set(validation.test_index.flat)
    assert len(test) == 10 * VALIDATION and not train & test
    assert train | test == set(images.train_index.flat)
    voice = OneVoice(validation=True)
    low, high = voice.pitch
    for pool, (start, end) in (("train", (0, 2 / 3)), ("test", (2 / 3, 1))):
        pitch, _ = voice.voices(pool, np.random.default_rng(0))
        height = np.log(pitch / low) / np.log(high / low) * voice.bands
        assert set(np.floor(height)) == {0, 2, 4, 6}  # all bands of the training pool
        assert ((height % 1 >= start) & (height % 1 <= end)).all()


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_validation_hears_one_speaker_to_train_on_and_none_to_test_on(fold):
    dataset, kept = SpokenDigitDataset("anywhere", fold, validation=True), SpokenDigitDataset("anywhere", fold).held_out
    train, test = ({speaker for speaker, _ in dataset.cast(pool)} for pool in ("train", "test"))
    assert len(train) == 3 and len(test) == 1 and not train & test
    assert not (train | test) & set(kept)


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_speakers_of_a_fold_are_disjoint(fold):
    dataset = SpokenDigitDataset("anywhere", fold)
    train, test = ({speaker for speaker, _ in dataset.cast(pool)} for pool in ("train", "test"))
    assert train | test == set(SpokenDigitDataset.speakers) and not train & test
    assert sorted(test) == [["george", "jackson"], ["lucas", "nicolas"], ["theo", "yweweler"]][fold]
    assert len(dataset.cast("train")) == 200 and len(dataset.cast("test")) == 100


@pytest.mark.parametrize("length", [1, 1001, 8000, 8001, 12345])
def test_recordings_are_centred_in_one_second(length):
    recording = np.arange(1, length + 1, dtype=np.float32)
    second = centred(recording)
    assert len(second) == 8000
    kept = np.flatnonzero(second)
    assert abs(kept[0] - (7999 - kept[-1])) <= 1
    assert abs(second[kept].mean() - recording.mean()) <= 1


def test_loudness_is_that_of_the_recording():
    assert np.sqrt((loud(tone(200)) ** 2).mean()) == pytest.approx(LOUDNESS, rel=1e-5)


def wav(channels=1, rate=8000, width=2, data=b"\1\0" * 100) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(data)
    file.seek(0)
    return file


def test_eight_and_sixteen_bit_sounds_are_read():
    np.testing.assert_allclose(read_wave(wav(data=b"\0\x40\0\x80"), "a.wav"), [0.5, -1])
    np.testing.assert_allclose(read_wave(wav(width=1, data=b"\xc0\0"), "a.wav"), [0.5, -1])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (wav(channels=2), "mono"),
        (wav(rate=16000), "8000 Hz"),
        (wav(data=b""), "no samples"),
        (io.BytesIO(b"RIFF"), "not a readable wav"),
        (io.BytesIO(b""), "not a readable wav"),
        (io.BytesIO(b"version https://git-lfs"), "not a readable wav"),
    ],
)
def test_damaged_sounds_are_named(file, said):
    with pytest.raises(DataError, match=said) as caught:
        read_wave(file, "3_theo_7.wav")
    assert "3_theo_7.wav" in caught.value.message
