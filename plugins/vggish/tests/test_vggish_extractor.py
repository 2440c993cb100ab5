"""The vggish extractor: front end against values of torchvggish, all against a plain implementation, and errors."""

from __future__ import annotations

import os
import pickle
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_vggish.extractor import VggishExtractor
from codaar_plugin_vggish.front_end import mel_matrix, patches_of, seconds_of
from codaar_plugin_vggish.network import VggishNetwork
from codaar_plugin_vggish.sound_file import read_sound

from codaar_core.api import DataError, ExtractorContext
from codaar_core.testing.whole_contract import assert_passes

sys.path.insert(0, str(Path(__file__).parent))
import plain_vggish  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[3]
CLIPS = Path(os.environ.get("CODAAR_SHARED", REPOSITORY.parent / "shared")) / "datasets" / "clips"
SHAPES = {
    **{f"features.{n}": (o, i, 3, 3) for n, o, i in ((0, 64, 1), (3, 128, 64), (6, 256, 128))},
    **{f"features.{n}": (o, i, 3, 3) for n, o, i in ((8, 256, 256), (11, 512, 256), (13, 512, 512))},
    **{f"embeddings.{n}": (o, i) for n, o, i in ((0, 4096, 12288), (2, 4096, 4096), (4, 128, 4096))},
}
"""Names of the layers in the published file."""

# Log-mel values of `sound(2)`, each second for itself, by torchvggish 0.2 (mel_features.log_mel_spectrogram, numpy 2.4)
BANDS = (0, 1, 10, 31, 50, 63)
TORCHVGGISH = {
    (0, 0): (3.3799717917627454, 2.0832049837272772, -3.6819910771894597, -4.582202100451776, -4.159044042211132,
             -4.573301453281017),
    (0, 50): (-3.7363158617991052, -3.355977365364572, -4.065439930976372, -4.2922506799767195, -4.158748329887496,
              -4.573240162833894),
    (0, 95): (-3.655673310708365, -3.3237128319649902, -4.478351156312142, 4.448086676291405, -4.1655820441588425,
              -4.571290869956516),
    (1, 0): (-3.661315557110972, -3.325216874737494, -4.446878465130334, 3.7428084026263555, -4.174174636873363,
             -4.569302275419694),
    (1, 50): (-3.663510216475925, -3.3258857838436366, -4.443528417655528, -4.391460941219068, -4.13790071761998,
              -4.5708831477061125),
    (1, 95): (-3.659791342334004, -3.3243540822881816, -4.450437120957729, -4.575035908670698, -3.8129817656439293,
              -4.563886966214466),
}  # fmt: skip


def sound(seconds: float) -> np.ndarray:
    """A rising tone, a high tone and a constant component."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    return 0.5 * np.sin(2 * np.pi * (100 + 900 * t) * t) + 0.25 * np.sin(2 * np.pi * 5000 * t) + 0.05


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    """Samples (N,) or (N, channels) in -1..1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32_768).round().clip(-32_768, 32_767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random weights in a small file: all rows of a linear map share memory, so that 288 MB need not be written."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for name, shape in SHAPES.items():
        scale = 1.5 / np.sqrt(np.prod(shape[1:]))
        rows = 1 if name.startswith("embeddings") else shape[0]
        found[f"{name}.weight"] = (torch.randn(rows, *shape[1:], generator=generator) * scale).expand(shape)
        found[f"{name}.bias"] = torch.rand(shape[0], generator=generator) / 10
    return found


@pytest.fixture(scope="module")
def file(weights, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vggish.pth"
    torch.save(weights, path)
    return path


@pytest.fixture(scope="module")
def extractor(file) -> VggishExtractor:
    pytest.importorskip("av")
    return built(file)


def built(file: Path | str, **more) -> VggishExtractor:
    return VggishExtractor(VggishExtractor.Config(weights=str(file), **more), ExtractorContext(torch.device("cpu")))


# Front end


def test_patches_have_the_numbers_of_torchvggish():
    found = patches_of(seconds_of(torch.from_numpy(sound(2))))
    for (second, frame), expected in TORCHVGGISH.items():
        np.testing.assert_allclose(found[second, frame, list(BANDS)], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_patches_are_those_of_the_plain_implementation(seed):
    noise = np.random.default_rng(seed).normal(0, 0.1, 16_000 * 2 + 7_000)
    found = patches_of(seconds_of(torch.from_numpy(noise)))
    assert found.shape == (2, 96, 64)
    np.testing.assert_allclose(found, plain_vggish.patches(noise), rtol=0, atol=1e-9)


def test_a_second_does_not_depend_on_its_neighbours_nor_on_its_last_frames():
    noise = torch.randn(3 * 16_000, generator=torch.Generator().manual_seed(0))
    changed = noise.clone()
    changed[:16_000] = changed[2 * 16_000 :] = 0
    changed[16_000 + 95 * 160 + 400 : 2 * 16_000] = 0
    assert torch.equal(patches_of(seconds_of(noise))[1], patches_of(seconds_of(changed))[1])


def test_silence_is_the_logarithm_of_the_offset():
    torch.testing.assert_close(patches_of(torch.zeros(1, 16_000)), torch.full((1, 96, 64), 0.01).log().double())


def test_every_band_responds_between_its_edges():
    matrix = mel_matrix()
    assert matrix.shape == (257, 64) and not matrix[0].any()
    assert (matrix.sum(0) > 0).all() and matrix.min() == 0 and matrix.max() <= 1
    hertz = torch.linspace(0, 8000, 257, dtype=torch.double)
    assert not matrix[(hertz <= 125) | (hertz >= 7500)].any()


# Network


def test_the_network_has_the_published_names_and_shapes():
    with torch.device("meta"):
        state = VggishNetwork().state_dict()
    assert {name: tuple(each.shape) for name, each in state.items() if name.endswith("weight")} == {
        f"{name}.weight": shape for name, shape in SHAPES.items()
    }
    assert sum(each.numel() for each in state.values()) == 72_141_184


def test_embeddings_are_those_of_the_plain_implementation(extractor, weights):
    patches = patches_of(seconds_of(torch.from_numpy(sound(2)))).float()
    found = extractor.network(patches)
    assert (found > 0).any() and (found >= 0).all() and not torch.equal(found[0], found[1])
    torch.testing.assert_close(found, plain_vggish.embeddings(patches, weights), rtol=1e-4, atol=1e-5)


# Recordings


def test_published_steps_are_whole_seconds(file, tmp_path):
    pytest.importorskip("av")
    extractor, samples = built(file, clock="published"), sound(3.9)
    found = extractor.extract(write_wav(tmp_path / "-clip.wav", samples))
    assert found.shape == (3, *extractor.output.shape) and found.dtype == torch.float32
    rounded = torch.from_numpy((samples * 32_768).round() / 32_768)
    torch.testing.assert_close(found, extractor.network(patches_of(seconds_of(rounded)).float()))


def test_steps_are_those_of_the_recording_and_end_in_silence(extractor, tmp_path):
    samples = sound(3.9)
    found = extractor.extract(write_wav(tmp_path / "-clip.wav", samples))
    padded = np.concatenate([(samples * 32_768).round() / 32_768, np.zeros(1_600)])
    expected = extractor.network(patches_of(seconds_of(torch.from_numpy(padded))).float())
    assert found.shape == (4, *extractor.output.shape)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("seconds", "steps"), [(0.98, 1), (9.999, 10), (2.5, 3), (2.4, 2)])
def test_half_a_second_and_more_is_a_step(seconds, steps, extractor, tmp_path):
    assert len(extractor.extract(write_wav(tmp_path / "x.wav", sound(seconds)[: round(16_000 * seconds)]))) == steps


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0])
def test_every_step_hears_its_own_time(length, tmp_path):
    """A tone for each second, and the loudest band of the patches of a step."""
    pytest.importorskip("av")
    extractor = built("none", seconds=length)
    vars(extractor)["network"] = lambda patches: patches.mean(1)
    tones = [300.0 * 1.4**second for second in range(6)]
    t = np.arange(6 * 16_000) / 16_000
    path = write_wav(tmp_path / "x.wav", 0.5 * np.sin(2 * np.pi * np.array(tones)[t.astype(int)] * t))
    found = extractor.extract(path)
    assert len(found) == round(6 / length)
    bands = mel_matrix()[[round(tone / 31.25) for tone in tones]].argmax(1)
    for step, loudness in enumerate(found):
        seconds = {int(step * length), int((step + 1) * length - 1e-9)}
        if length == 0.5:  # its patch reads a quarter of a second on both sides
            seconds = {int(step * length)}
        loudest = loudness.topk(len(seconds)).indices
        assert min((loudest - bands[second]).abs().min() for second in seconds) <= 1


def test_batches_make_no_difference(extractor, file, tmp_path):
    paths = [write_wav(tmp_path / f"{length}.wav", sound(length)) for length in (3, 1, 2)]
    for path, together in zip(paths, built(file, batch=4).extract_each(paths), strict=True):
        torch.testing.assert_close(extractor.extract(path), together, rtol=1e-5, atol=1e-4)


def test_16_bit_sound_at_16_khz_is_not_changed(tmp_path):
    pytest.importorskip("av")
    samples = np.random.default_rng(0).integers(-32_768, 32_768, 5_000) / 32_768
    assert torch.equal(read_sound(write_wav(tmp_path / "x.wav", samples)), torch.from_numpy(samples).float())


def test_channels_are_averaged(tmp_path):
    pytest.importorskip("av")
    left, right = np.random.default_rng(0).integers(-32_768, 32_768, (2, 5_000)) / 32_768
    found = read_sound(write_wav(tmp_path / "x.wav", np.stack([left, right], 1)))
    np.testing.assert_allclose(found, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_become_16_khz(rate, tmp_path):
    pytest.importorskip("av")
    t = np.arange(2 * rate) / rate
    found = read_sound(write_wav(tmp_path / "x.wav", 0.5 * np.sin(2 * np.pi * 440 * t), rate)).numpy()
    assert abs(len(found) - 32_000) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16_000)
    np.testing.assert_allclose(found[500:-500], expected[500:-500], atol=2e-3)


@pytest.mark.parametrize(
    ("name", "seconds", "rate"),
    [("BjCEufrlXm4.mp4", 10, 44_100), ("FwVYUHKoLtQ_000034.wav", 10, 16_000), ("torchvggish_test.wav", 4, 16_000)],
)
def test_real_recordings(name, seconds, rate, extractor):
    if not (CLIPS / name).is_file():
        pytest.skip(f"no {name} in {CLIPS} (set CODAAR_SHARED)")
    found = extractor.extract(CLIPS / name)
    assert found.shape == (seconds, 128) and found.isfinite().all() and found.std(0).any()


# What is wrong


def test_less_than_half_a_step_is_refused(extractor, tmp_path):
    with pytest.raises(DataError, match="short.wav lasts 0.49 s, less than half a step of 1 s"):
        extractor.extract(write_wav(tmp_path / "short.wav", sound(0.49)))


def test_less_than_a_published_second_is_refused(file, tmp_path):
    pytest.importorskip("av")
    with pytest.raises(DataError, match="short.wav has less than a second of sound"):
        built(file, clock="published").extract(write_wav(tmp_path / "short.wav", sound(0.99)))


def test_a_picture_has_no_sound(extractor, tmp_path):
    from codaar_core.testing.toy_recordings import write_png

    write_png(tmp_path / "x.png", 0)
    with pytest.raises(DataError, match="x.png has no sound"):
        extractor.extract(tmp_path / "x.png")


def test_a_cut_recording_is_refused_by_name(extractor, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(200))
    with pytest.raises(DataError, match="cut.mp4 cannot be read as a recording: "):
        extractor.extract(path)


def test_without_pyav_it_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match="needs PyAV") as caught:
        built(file).prepare()
    assert "codaar-plugin-vggish[media]" in caught.value.help


def wrong_shape(weights):
    return {**weights, "embeddings.4.bias": torch.zeros(100)}


def without_one(weights):
    return {name: each for name, each in weights.items() if name != "features.6.bias"}


def one_more(weights):
    return {**weights, "pproc.pca_means": torch.zeros(128)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wrong_shape, r"x.pth: embeddings.4.bias has the shape \(100,\), not \(128,\)"),
        (without_one, "x.pth lacks features.6.bias\n"),
        (one_more, "x.pth has unknown pproc.pca_means\n"),
        (lambda weights: list(weights.values()), "x.pth contains more than named tensors"),
        (lambda weights: {"x": Path("x")}, "x.pth cannot be read as a file of tensors only: "),
    ],
)
def test_wrong_weights_are_told_with_where_to_get_them(change, message, weights, tmp_path):
    pytest.importorskip("av")
    torch.save(change(weights), tmp_path / "x.pth")
    with pytest.raises(DataError, match=message) as caught:
        built(tmp_path / "x.pth").prepare()
    assert "vggish-10086976.pth" in caught.value.help


def test_missing_weights_are_told_with_where_to_get_them(tmp_path):
    pytest.importorskip("av")
    with pytest.raises(DataError, match=f"the file of weights {tmp_path}/x.pth does not exist") as caught:
        built(tmp_path / "x.pth").prepare()
    assert "vggish-10086976.pth" in caught.value.help


def test_a_copy_gives_the_same(extractor, tmp_path):
    path = write_wav(tmp_path / "clip.wav", sound(1))
    assert torch.equal(pickle.loads(pickle.dumps(extractor)).extract(path), extractor.extract(path))


def test_conformance_with_weights(file, monkeypatch):
    pytest.importorskip("av")
    monkeypatch.setattr(VggishExtractor, "example", {"weights": str(file)})
    assert_passes("vggish", VggishExtractor, needed=("features", "same-again", "broken-recordings"))
