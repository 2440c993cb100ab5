"""codaar data pack, verify and show; and training on packed features."""

from __future__ import annotations

from pathlib import Path

import pytest

import codaar_core
from codaar_core.features import PackedSplit

TINY = ("data.pretrain=24", "data.patches=8", "data.words=16")


def options(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("-o", override)]


@pytest.fixture
def packed(tmp_path, call):
    code, out, error = call("data", "pack", "digits", "--to", str(tmp_path), "--dtype", "float32", *options(*TINY))
    assert (code, error) == (0, "")
    assert out.startswith(f"{tmp_path}/pretrain.h5: 24 clips, ")
    return tmp_path


def test_a_source_by_name(packed):
    split = PackedSplit(packed / "pretrain.h5")
    assert len(split) == 24 and set(split.spaces) == {"audio", "video", "text"}
    assert split.layout.header.origin.startswith("AVT-Digits")


def test_a_recipe_packs_its_modalities(root, tmp_path, call):
    code, _, error = call("data", "pack", f"{root}/recipes/av.toml", "--to", str(tmp_path), *options(*TINY))
    assert (code, error) == (0, "")
    assert set(PackedSplit(tmp_path / "pretrain.h5").spaces) == {"audio", "video"}


def test_again_is_refused(packed, call):
    code, _, error = call("data", "pack", "digits", "--to", str(packed), *options(*TINY))
    assert code == 1 and "exists already\n   = help: remove it to pack it again" in error


def test_another_split(tmp_path, call):
    more = (*TINY, "data.classification=[10,10]")
    code, out, _ = call(
        "data", "pack", "digits", "--to", str(tmp_path), "--split", "classification/test", *options(*more)
    )
    assert code == 0 and "classification/test.h5: 10 clips" in out
    assert len(PackedSplit(tmp_path / "classification" / "test.h5")[[0, 1]].targets["audio"]) == 2
    code, _, error = call("data", "pack", "digits", "--to", str(tmp_path), "--split", "x", *options(*TINY))
    assert code == 1 and "digits has no split 'x'" in error


def test_verify(packed, call):
    file = packed / "pretrain.h5"
    assert call("data", "verify", str(file))[:2] == (0, f"{file} is intact: 24 clips\n")
    column = PackedSplit(file).layout.columns["inputs/text"]
    content = bytearray(file.read_bytes())
    content[column.offset] ^= 1
    file.write_bytes(content)
    code, _, error = call("data", "verify", str(file))
    assert code == 1 and "1 of 24 clips are damaged: 0" in error


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["digts", "--to", "x"], 2, "did you mean 'digits'?"),
        (["digits", "--to", "x", "-o", "data.pretran=3"], 2, "did you mean 'pretrain'?"),
        (["digits", "--to", "x", "-o", "run.seed=3"], 2, "only settings of the data source can be set here"),
        (["digits", "--to", "x", "-o", "data.pretrain"], 2, "expected path=value"),
        (["digits"], 2, "--to"),
        (["nowhere.toml", "--to", "x"], 2, "nowhere.toml"),
    ],
)
def test_slips(words, code, said, call):
    result = call("data", "pack", *words)
    assert result[0] == code and said in result[2]


def test_show_is_meant_without_a_verb(root, packed, call):
    assert call("data", "digits") == call("data", "show", "digits")
    recipe = str(root / "recipes" / "av.toml")
    code, out, error = call("data", "-o", "data.use=packed", "-o", f"data.folder={packed}", recipe)
    assert (code, error) == (0, "")
    assert "packed: 24 clips\nfound: 24 clips for pretraining: AVT-Digits" in out


def test_training_reads_packed_as_original(root, packed, tmp_path):
    common = (
        *("run.epochs=1", "run.log_every=1", "device.threads=1", "data.batch=8", "quantizer.codes=16"),
        *("quantizer.dim=16", "encoders.video.channels=[4, 8]", "decoders.video.hidden=4", "evaluate.on=[]"),
        f"run.directory={str(tmp_path / 'runs')!r}",
    )
    first, second = (
        codaar_core.run(root / "recipes" / "avt.toml", overrides=(*common, *data))
        for data in (TINY, ("data.use=packed", f"data.folder={str(packed)!r}"))
    )
    assert metrics(first) == metrics(second)


def metrics(run: Path) -> str:
    return (run / "metrics.csv").read_text()


def test_show_takes_the_name_of_a_plugin(call):
    code, out, _ = call("data", "avsbench")
    assert code == 0 and out.startswith("data avsbench:avsbench-s4\n") and "on request by the form" in out
    code, _, error = call("data", "avvp")
    assert code == 1 and "name one: codaar data ave-avvp, codaar data avvp-localization" in error
    code, _, error = call("data", "cmg")
    assert code == 2 and "there is no data source 'cmg'" in error
