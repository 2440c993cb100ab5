"""Packing benchmarks: which splits are packed, their headers, and what is refused."""

from __future__ import annotations

import shlex
from pathlib import Path

import attrs
import pytest
import torch

import codaar_core
from codaar_core.api import (
    Batch,
    Benchmark,
    Card,
    DataError,
    DataSource,
    Features,
    Space,
    Split,
    setting,
)
from codaar_core.features import PackedSplit, RandomSplit
from codaar_core.features.packed import writing as module
from codaar_core.recipe import RecipeError

pytest.importorskip("codaar_plugin_cmg")
ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "data={use='local:packed-noise', batch=8}",
    "device.threads=1",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.on=['own']",
    "bench.own.use='local:own-clips'",
    "bench.own.head.use='clip-classifier'",
)
CLIPS = {"strict": 6, "as-published": 9}
FILES = {f"{role}-{modality}.h5" for role in ("train", "validation", "test") for modality in ("audio", "video")}


class Noise(DataSource):
    """Random features."""

    name = "packed-noise"
    card = Card("noise", "CC0", "nothing to get")
    extraction = {"audio": "vggish-relu"}
    spaces = {"audio": Space((128,), 10), "video": Space((7, 7, 512), 10)}

    def split(self, name):
        return self.synthetic(16, seed=0)

    def synthetic(self, clips, seed):
        return RandomSplit(self.spaces, clips, seed)


class Numbered(Split):
    """Clips of one to three time steps whose features are the clip's index; without names."""

    def __init__(self, modality, shape, clips):
        self.modality, self.shape, self.clips = modality, shape, clips

    def __len__(self):
        return self.clips

    def __getitem__(self, indices):
        steps = torch.tensor(indices) % 3 + 1
        mask = torch.arange(int(steps.max())) < steps[:, None]
        numbers = torch.tensor(indices, dtype=torch.float32)[:, None] * mask
        values = numbers.view(*mask.shape, *[1] * len(self.shape)).expand(*mask.shape, *self.shape)
        return Batch({self.modality: Features(values.contiguous(), mask)}, {self.modality: torch.tensor(indices) % 2})


class Own(Benchmark):
    """A benchmark with its own clips; mode as-published has more test clips."""

    name = "own-clips"
    head = "clip-classifier"
    card = Card("numbers", "CC0", "count")
    classes = ("even", "odd")
    metrics = {"accuracy": lambda prediction, target: (prediction == target).float().mean()}
    selection = "validation"

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings."""

        made_by: str = setting("vggish-relu", "What made the features.")
        width: int = setting(128, "Of a step of sound.")

    def __init__(self, config, context):
        super().__init__(config, context)
        self.mode = context.mode

    @property
    def extraction(self):
        return {"audio": self.config.made_by}

    def split(self, role, modality):
        shape = {"audio": (self.config.width,), "video": (7, 7, 512)}[modality]
        return Numbered(modality, shape, CLIPS[self.mode])

    def constants(self, target):
        yield torch.zeros_like(target)

    def guess(self, target, generator):
        return torch.randint(2, target.shape, generator=generator)


def pack(folder: Path, *overrides: str, **more: object) -> list[module.Packed]:
    recipe = ROOT / "recipes" / "av.toml"
    return codaar_core.pack_benchmark(recipe, "own", folder, "float32", (*SMALL, *overrides), [__file__], **more)


def deep_problems(folder: Path, *overrides: str) -> list[str]:
    """Return the error of a run that reads the packed files."""
    packed = f"bench.own.packed={str(folder)!r}"
    problems = codaar_core.validate(ROOT / "recipes" / "av.toml", (*SMALL, packed, *overrides), [__file__], deep=True)
    return [problem.message for problem in problems if problem.level == "error"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    pack(folder)
    return folder


def test_all_splits_that_a_run_reads_are_packed(packed):
    assert {path.name for path in packed.iterdir()} == FILES
    split = PackedSplit(packed / "test-audio.h5")
    header = split.layout.header
    assert (header.origin, header.licence, header.extraction) == ("numbers", "CC0", {"audio": "vggish-relu"})
    assert header.benchmark.endswith(":own-clips") and header.mode == "strict"
    assert len(split) == CLIPS["strict"] and split.ids is None
    read, expected = split[range(6)], Numbered("audio", (128,), 6)[range(6)]
    assert torch.equal(read.inputs["audio"].values, expected.inputs["audio"].values)
    assert torch.equal(read.inputs["audio"].mask, expected.inputs["audio"].mask)
    assert torch.equal(read.targets["audio"], expected.targets["audio"])
    assert deep_problems(packed) == []


def test_head_without_parameters_needs_test_clips_only(tmp_path):
    pytest.importorskip("codaar_plugin_retrieval")
    pack(tmp_path, "bench.own.head.use='mean-code'")
    assert {path.name for path in tmp_path.iterdir()} == {"test-audio.h5", "test-video.h5"}
    with pytest.raises(DataError, match=r"train-audio\.h5 is missing"):
        deep_problems(tmp_path)


def test_error_of_a_missing_file_contains_the_command_that_writes_it(tmp_path, monkeypatch):
    folder = tmp_path / "some where"
    with pytest.raises(DataError, match=r"test-audio\.h5 is missing") as caught:
        deep_problems(folder)
    command = shlex.split(caught.value.help.split("`")[1])
    recipe = str(ROOT / "recipes" / "av.toml")
    assert command[:8] == ["codaar", "data", "pack", recipe, "--bench", "own", "--to", str(folder)]
    assert command[8:10] == ["-o", SMALL[0]]


def test_clips_of_another_mode_are_refused(packed):
    with pytest.raises(DataError) as caught:
        deep_problems(packed, "evaluate.mode='as-published'")
    assert "own-clips, mode 'strict'; expected " in caught.value.message
    assert caught.value.message.endswith("own-clips, mode 'as-published'")


def test_two_modes_are_not_packed_to_one_folder(tmp_path):
    pack(tmp_path)
    (tmp_path / "test-audio.h5").unlink()
    with pytest.raises(DataError, match=r"mode 'strict'; expected .*, mode 'as-published'"):
        pack(tmp_path, "evaluate.mode='as-published'")
    assert not (tmp_path / "test-audio.h5").exists()


def test_packed_data_split_is_refused_as_benchmark(tmp_path):
    pack(tmp_path)
    codaar_core.pack_data(ROOT / "recipes" / "av.toml", tmp_path, overrides=SMALL, plugins=[__file__])
    (tmp_path / "pretrain.h5").rename(tmp_path / "test-audio.h5")
    with pytest.raises(DataError, match=r"test-audio\.h5 holds no benchmark; expected "):
        deep_problems(tmp_path)


def test_interrupted_packing_is_continued(tmp_path, packed, monkeypatch):
    """Interrupted in the third file, after two clips."""
    writes, real = [], module._write_clip

    def interrupted(*arguments):
        if len(writes) == 2 * CLIPS["strict"] + 2:
            raise KeyboardInterrupt
        writes.append(real(*arguments))

    monkeypatch.setattr(module, "_write_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path)
    assert len(list(tmp_path.glob("*.h5"))) == 2 and len(list(tmp_path.glob("*.partial"))) == 1
    monkeypatch.setattr(module, "_write_clip", real)
    seen = []
    pack(tmp_path, progress=lambda *each: seen.append(each))
    assert len(seen) == len(FILES) * CLIPS["strict"] - len(writes)
    for name in FILES:
        assert PackedSplit(tmp_path / name).checksum == PackedSplit(packed / name).checksum
    with pytest.raises(DataError, match="has every split of own already"):
        pack(tmp_path)


def test_features_of_another_extractor_are_refused(tmp_path):
    anything = "evaluate.extraction='any'"
    pack(tmp_path, "bench.own.made_by='another'", anything)
    assert deep_problems(tmp_path, anything) == []
    (problem,) = deep_problems(tmp_path)
    assert problem == "bench.own: its features of audio are made by another, those of pretraining by vggish-relu"


def test_header_decides_and_not_the_settings(packed):
    assert deep_problems(packed, "bench.own.made_by='another'") == []


def test_features_of_another_shape_are_refused(tmp_path):
    pack(tmp_path, "bench.own.width=64")
    with pytest.raises(
        DataError, match=r"test-audio\.h5: expected 'audio' features \(128,\) per step, found \(64,\) per step"
    ):
        deep_problems(tmp_path)


def test_disabled_benchmark_cannot_be_packed(tmp_path, call):
    recipe = str(ROOT / "recipes" / "av.toml")
    code, _, error = call("data", "pack", recipe, "--bench", "own", "--to", str(tmp_path), "-o", "evaluate.on=[]")
    assert code == 1 and "does not switch on the benchmark 'own'\n   = help: evaluate.on has: none" in error


def test_single_split_of_a_benchmark_cannot_be_packed(tmp_path, call):
    words = ("--bench", "own", "--split", "pretrain")
    code, _, error = call("data", "pack", "recipes/av.toml", "--to", str(tmp_path), *words)
    assert code == 2 and "leave out --split" in error


def test_misspelt_benchmark_setting_is_reported(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'width'"):
        pack(tmp_path, "bench.own.widht=64")
