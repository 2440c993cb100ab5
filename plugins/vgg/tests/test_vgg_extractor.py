"""The vgg extractor: selection and normalisation of frames, the network against a plain implementation, and errors."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_vgg.extractor import VggExtractor, prepared
from codaar_plugin_vgg.frames import count_frames, read_frames, sampled, squashed
from codaar_plugin_vgg.network import Vgg19
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from codaar_core.api import DataError, ExtractorContext
from codaar_core.testing.toy_recordings import write_film, write_png, write_wav
from codaar_core.testing.whole_contract import assert_passes

sys.path.insert(0, str(Path(__file__).parent))
import plain_vgg19  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[3]
CLIP = Path(os.environ.get("CODAAR_SHARED", REPOSITORY.parent / "shared")) / "datasets" / "clips" / "BjCEufrlXm4.mp4"
TAGS = ("torchvision-vgg19-pool5", "keras-vgg19-pool5")
WIDTHS = {0: 64, 2: 64, 5: 128, 7: 128, **dict.fromkeys((10, 12, 14, 16), 256)}
WIDTHS |= dict.fromkeys((19, 21, 23, 25, 28, 30, 32, 34), 512)
"""Widths of the convolutions in the published file, by number of the layer."""


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random weights with a scale that keeps the size of features."""
    generator, width, found = torch.Generator().manual_seed(0), 3, {}
    for number, wider in WIDTHS.items():
        scale = (2 / (9 * width)) ** 0.5
        found[f"features.{number}.weight"] = torch.randn(wider, width, 3, 3, generator=generator) * scale
        found[f"features.{number}.bias"] = torch.randn(wider, generator=generator) / 10
        width = wider
    return found


@pytest.fixture(scope="module")
def file(weights, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save({**weights, "classifier.6.bias": torch.zeros(1000)}, path)
    return path


def built(file: Path | str, **more) -> VggExtractor:
    return VggExtractor(VggExtractor.Config(weights=str(file), **more), ExtractorContext(torch.device("cpu")))


class EveryThirtySecondPixel(nn.Module):
    """(N, 3, 224, 224) -> (N, 3, 7, 7)."""

    def forward(self, pictures):
        return pictures[:, :, ::32, ::32]


def looking(**more) -> VggExtractor:
    """An extractor whose network returns a part of its input."""
    extractor = built("none", **more)
    vars(extractor)["network"] = EveryThirtySecondPixel()
    return extractor


def colour(number: int) -> tuple[int, int, int]:
    return number % 256, (3 * number) % 256, 255 - number % 256


def write_video(path: Path, frames: int, size: tuple[int, int] = (48, 32)) -> Path:
    """Write frames of one colour each, with a lossless codec."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), colour(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


# Which frames


def test_sixteen_frames_of_each_of_ten_parts():
    found = sampled(300, 10)
    assert found[:16] == [0, 1, 3, 5, 7, 9, 11, 13, 15, 16, 18, 20, 22, 24, 26, 28]
    assert found[16:32] == [30 + number for number in found[:16]]
    assert found[-1] == 298 and len(found) == 160


def test_frames_repeat_where_a_part_has_few():
    assert sampled(85, 10)[:32] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7] + [
        8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15,
    ]  # fmt: skip
    assert sampled(9, 10) == [0] * 160


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 40))
def test_the_rule_of_the_script_in_exact_numbers(frames, seconds):
    interval = int(Fraction(frames, seconds))
    expected = [int(part * interval + Fraction(i, 16) * interval) for part in range(seconds) for i in range(16)]
    assert sampled(frames, seconds) == expected
    assert expected == sorted(expected) and expected[-1] < frames


# Pictures

# Of `pattern()` resized by OpenCV 5.0: cv2.resize(picture, (224, 224))
OPENCV = {
    (0, 0): (2, 52, 102),
    (0, 223): (184, 234, 28),
    (111, 57): (70, 120, 170),
    (112, 160): (90, 140, 190),
    (223, 0): (36, 86, 136),
    (223, 223): (218, 14, 62),
}


def pattern() -> torch.Tensor:
    y, x = np.mgrid[:240, :320]
    return torch.from_numpy(np.stack([(7 * x + 13 * y + 50 * c) % 256 for c in range(3)]).astype(np.uint8))


def test_pictures_are_squashed_as_opencv_does_to_one_level_of_255():
    found = squashed(pattern()).int()
    assert found.shape == (3, 224, 224)
    for (y, x), expected in OPENCV.items():
        assert (found[:, y, x] - torch.tensor(expected)).abs().max() <= 1


def test_squashing_is_bilinear_between_four_neighbours():
    picture = pattern()[:, :100, :90]
    found = squashed(picture).double()
    for row, column in ((0, 0), (3, 200), (117, 5), (223, 223)):
        y = min(max((row + 0.5) * 100 / 224 - 0.5, 0), 99)
        x = min(max((column + 0.5) * 90 / 224 - 0.5, 0), 89)
        top, left = int(y), int(x)
        down, right = min(top + 1, 99), min(left + 1, 89)
        p = picture.double()
        upper = p[:, top, left] * (1 - (x - left)) + p[:, top, right] * (x - left)
        lower = p[:, down, left] * (1 - (x - left)) + p[:, down, right] * (x - left)
        expected = upper * (1 - (y - top)) + lower * (y - top)
        assert (found[:, row, column] - expected).abs().max() <= 0.5 + 1e-3


def test_pictures_are_prepared_as_the_weights_were_trained():
    frames = torch.tensor([255, 0, 51], dtype=torch.uint8)[None, :, None, None]
    torchvision = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225])
    torch.testing.assert_close(prepared(frames, TAGS[0]).flatten(), torchvision)
    keras = torch.tensor([51 - 103.939, 0 - 116.779, 255 - 123.68])  # blue, green, red
    torch.testing.assert_close(prepared(frames, TAGS[1]).flatten(), keras)


# Network


def test_the_network_has_the_published_names_and_shapes(weights):
    with torch.device("meta"):
        state = Vgg19().state_dict()
    assert {name: each.shape for name, each in state.items()} == {name: each.shape for name, each in weights.items()}
    assert sum(each.numel() for each in state.values()) == 20_024_384


@pytest.mark.parametrize("made_by", TAGS)
def test_a_picture_is_one_step_and_that_of_the_plain_implementation(made_by, weights, file, tmp_path):
    pytest.importorskip("av")
    write_png(tmp_path / "-x.png", 0)
    found = built(file, made_by=made_by).extract(tmp_path / "-x.png")
    assert found.shape == (1, 7, 7, 512) and (found >= 0).all() and found.std() > 0.1
    (frame,) = read_frames(tmp_path / "-x.png", [0])
    torch.testing.assert_close(found, plain_vgg19.pool5(prepared(frame[None], made_by), weights), rtol=1e-3, atol=1e-3)


# Recordings


def test_frames_are_read_in_order_and_repeated(tmp_path):
    path = write_video(tmp_path / "-x.mkv", 7)
    assert count_frames(path) == 7
    found = list(read_frames(path, [0, 2, 2, 6]))
    assert [tuple(frame[:, 100, 100].tolist()) for frame in found] == [colour(n) for n in (0, 2, 2, 6)]
    assert all(frame.shape == (3, 224, 224) and (frame == frame[:, :1, :1]).all() for frame in found)


@pytest.mark.parametrize(("frames", "seconds"), [(59, 2), (20, 3)])
@pytest.mark.parametrize("made_by", TAGS)
def test_a_step_is_the_mean_of_its_sixteen_frames(frames, seconds, made_by, tmp_path):
    path = write_video(tmp_path / "x.mkv", frames)
    found = looking(clock="published", parts=seconds, made_by=made_by).extract(path)
    assert found.shape == (seconds, 7, 7, 3)
    colours = torch.tensor([colour(number) for number in sampled(frames, seconds)], dtype=torch.uint8)
    expected = prepared(colours[:, :, None, None], made_by).reshape(seconds, 16, 3).mean(1)
    torch.testing.assert_close(found, expected[:, None, None].expand_as(found))


# Clock


def level(time: float) -> tuple[int, int, int]:
    return (round(25 * time),) * 3


@pytest.mark.parametrize(
    ("times", "steps"),
    [
        (np.arange(125) / 25, 5),
        (np.concatenate([np.arange(100) / 50, 2 + np.arange(40) / 5]), 10),  # 50 frames a second, then 5
        (np.arange(19) / 1.9, 10),
        (np.arange(9) / 0.9, 9),  # the file says that the last one lasts 0.04 s
    ],
)
def test_a_step_is_the_mean_of_what_is_seen_in_its_second(times, steps, tmp_path):
    pytest.importorskip("av")
    write_film(tmp_path / "x.mkv", list(times), level)
    found = looking(made_by="keras-vgg19-pool5").extract(tmp_path / "x.mkv")
    assert found.shape == (steps, 7, 7, 3)
    samples = (np.arange(steps * 16) + 0.5) / 16
    seen = np.array([level(times[max(np.searchsorted(times, t, "right") - 1, 0)])[0] for t in samples])
    expected = torch.from_numpy(seen.reshape(steps, 16).mean(1)).float() - 103.939
    torch.testing.assert_close(found[:, 3, 3, 0], expected, atol=1e-3, rtol=0)


def test_frames_of_several_recordings_share_batches(tmp_path):
    pytest.importorskip("av")
    sizes, network = [], EveryThirtySecondPixel()
    extractor = looking(rate=2, batch=5)
    vars(extractor)["network"] = lambda frames: sizes.append(len(frames)) or network(frames)
    for number, length in enumerate((1, 3, 2)):
        write_film(tmp_path / f"{number}.mkv", list(np.arange(25 * length) / 25 + 0.0), level)
    (tmp_path / "broken.mkv").write_bytes(b"no film")
    paths = [tmp_path / name for name in ("0.mkv", "1.mkv", "broken.mkv", "2.mkv")]
    found = list(extractor.extract_each(paths))
    assert sizes == [5, 5, 2]
    assert isinstance(found[2], DataError) and "broken.mkv" in found[2].message
    for path, together in zip(paths, found, strict=True):
        if path.name != "broken.mkv":
            torch.testing.assert_close(together, looking(rate=2).extract(path))


def test_a_jpeg_is_a_picture_too(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "x.JPG"), "w", format="image2") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        grey = np.full((48, 64, 3), 128, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode(None))
    found = looking().extract(tmp_path / "x.JPG")
    assert found.shape == (1, 7, 7, 3)
    expected = prepared(torch.full((1, 3, 7, 7), 128, dtype=torch.uint8), TAGS[0]).movedim(1, -1)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)  # two levels of 255


def test_no_more_than_a_second_is_held(tmp_path, monkeypatch):
    path, held, most = write_video(tmp_path / "x.mkv", 64), [0], [0]
    plain = torch.stack

    def stacked(frames, *more):
        held[0], most[0] = len(frames), max(most[0], len(frames))
        return plain(frames, *more)

    monkeypatch.setattr(torch, "stack", stacked)
    assert len(looking(clock="published", parts=4).extract(path)) == 4
    assert len(looking().extract(path)) == 3
    assert most[0] == 16


@pytest.fixture
def clip() -> Path:
    pytest.importorskip("av")
    if not CLIP.is_file():
        pytest.skip(f"no {CLIP} (set CODAAR_SHARED)")
    return CLIP


def test_a_real_recording_has_its_frames(clip):
    assert count_frames(clip) == 300
    found = looking().extract(clip)
    assert found.shape == (10, 7, 7, 3) and found.isfinite().all() and found.std(0).any()


@pytest.mark.slow
def test_a_real_recording_through_the_network(clip, file):
    found = built(file, seconds=10, rate=0.2).extract(clip)
    assert found.shape == (1, 7, 7, 512) and found.isfinite().all() and found.std() > 0


# What is wrong


def test_sound_has_no_pictures(tmp_path):
    pytest.importorskip("av")
    write_wav(tmp_path / "x.mp4", 0)
    with pytest.raises(DataError, match="x.mp4 has no pictures"):
        looking().extract(tmp_path / "x.mp4")


def test_a_cut_recording_is_refused_by_name(tmp_path):
    path = write_video(tmp_path / "x.mkv", 30)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="x.mkv cannot be read as a recording: "):
        looking().extract(path)


def test_without_pyav_it_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match="needs PyAV") as caught:
        built(file).prepare()
    assert "codaar-plugin-vgg[media]" in caught.value.help


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "features.28.weight",
            torch.zeros(512, 512, 1, 1),
            r"features.28.weight has the shape \(512, 512, 1, 1\), not",
        ),
        ("block1_conv1_W", torch.zeros(1), "has unknown block1_conv1_W"),
    ],
)
def test_wrong_weights_are_told_with_where_to_get_them(name, value, message, weights, tmp_path):
    pytest.importorskip("av")
    torch.save({**weights, name: value}, tmp_path / "x.pth")
    with pytest.raises(DataError, match=message) as caught:
        built(tmp_path / "x.pth").prepare()
    assert "vgg19-dcbb9e9d.pth" in caught.value.help


def test_conformance_with_weights(file, monkeypatch):
    pytest.importorskip("av")
    monkeypatch.setattr(VggExtractor, "example", {"weights": str(file)})
    assert_passes("vgg", VggExtractor, needed=("features", "same-again", "broken-recordings"))
