"""A small recipe on small copies of MSCOCO and Clotho, in both modes: nothing is trained after the pretraining."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import torch

import codaar_core
from codaar_core.api import Card, CodaarError, DataSource, Features, Space
from codaar_core.features import RandomSplit

pytest.importorskip("codaar_plugin_retrieval")
pytest.importorskip("transformers")
TEXT = 8
ITEMS = {"coco": ("video", 4), "clotho": ("audio", 3)}
OVERRIDES = (
    "run.epochs=1",
    "device.threads=1",
    "data={use='local:retrieval-noise', batch=8}",
    "quantizer.codes=32",
    "quantizer.dim=16",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.on=['coco', 'clotho']",
    "evaluate.seeds=[1]",
    "bench.coco.use='coco-retrieval'",
    "bench.coco.tokens=12",
    "bench.clotho.use='clotho-retrieval'",
    "bench.clotho.tokens=12",
)


class Noise(DataSource):
    """Random features of the right shapes."""

    name = "retrieval-noise"
    card = Card("noise", "CC0", "nothing to get")
    spaces = {"audio": Space((128,), 10), "video": Space((7, 7, 512), 10), "text": Space((TEXT,), 10)}

    def split(self, name):
        return self.synthetic(16, seed=0)

    def synthetic(self, clips, seed):
        return RandomSplit(self.spaces, clips, seed)


@pytest.fixture(scope="module")
def small_copies(module_at) -> ModuleType:
    """What writes the data of the plug-in's own tests."""
    return module_at("plugins/retrieval/tests/small_copies.py")


@pytest.fixture(scope="module")
def copies(small_copies, tmp_path_factory) -> Path:
    """Both data sets, and a BERT."""
    folder = tmp_path_factory.mktemp("copies")
    small_copies.write_bert(folder / "bert", TEXT)
    small_copies.write_coco(folder / "coco")
    small_copies.write_clotho(folder / "clotho")
    return folder


def run(recipe: Path, copies: Path, *overrides: str) -> Path:
    paths = [f"run.directory={str(copies / 'runs')!r}"]
    for name in ITEMS:
        paths += [f"bench.{name}.root={str(copies / name)!r}", f"bench.{name}.bert={str(copies / 'bert')!r}"]
    return codaar_core.run(recipe, overrides=(*OVERRIDES, *paths, *overrides), plugins=[__file__])


class Finished(NamedTuple):
    """A run in one of the modes."""

    mode: str
    directory: Path
    cache: Path


@pytest.fixture(scope="module", params=["strict", "as-published"])
def finished(request, recipe, copies) -> Finished:
    cache = copies / request.param
    overrides = (f"evaluate.mode={request.param!r}", f"bench.coco.cache={str(cache)!r}")
    return Finished(request.param, run(recipe, copies, *overrides), cache)


def test_both_directions_are_measured_beside_their_references(finished):
    results = json.loads((finished.directory / "results.json").read_text())
    assert results["mode"] == finished.mode
    entries = {(e["benchmark"], e["train"], e["test"], e["metric"]): e for e in results["transfers"]}
    pairs = [(name, *pair) for name, (item, _) in ITEMS.items() for pair in ((item, "text"), ("text", item))]
    assert sorted({key[:3] for key in entries}) == sorted(pairs)
    for name, train, test in pairs:
        headline = entries[name, train, test, "R@1"]
        assert headline["headline"]
        bounds = [entries[name, train, test, f"R@1_{how}"]["mean"] for how in ("pessimistic", "optimistic")]
        assert 0 <= bounds[0] <= headline["mean"] <= bounds[1] <= 1
        assert headline["constant"] == pytest.approx(1 / ITEMS[name][1])
        assert 0 <= headline["upper_bound"] <= 1
        assert (headline["published"] is not None) == (finished.mode == "as-published")
    assert list(finished.cache.glob("*/*.h5"))


def test_a_caption_is_the_mean_of_its_codes_or_as_published_the_code_of_its_mean(finished, copies):
    """Computed anew from the trained encoder and codebooks, one caption at a time."""
    from codaar_plugin_bert.word_pieces import WordPieces
    from codaar_plugin_retrieval.captions import by_picture, in_blocks, read_coco

    annotations = read_coco(copies / "coco" / "annotations" / "captions_val2017.json")
    items = by_picture(annotations) if finished.mode == "strict" else in_blocks(annotations)
    captions = [caption for item in items for caption in item.captions]
    model = codaar_core.open_model(finished.directory).model
    kept = np.load(finished.directory / "bench/coco/seed-1/predictions.npz")
    assert kept["target/text"].tolist() == [item for item in range(4) for _ in range(5)]
    words = WordPieces(str(copies / "bert"), str(finished.cache), 12).pieces(captions)
    for caption, pieces in enumerate(words):
        alone = Features(torch.from_numpy(pieces.vectors)[None])
        encoder = model.encoders["text"]
        encoded = encoder(alone) if finished.mode == "strict" else encoder.summary(alone)
        codes = model.quantizer.quantize({"text": encoded})["text"].full
        assert codes.shape[1] == (len(pieces.tokens) if finished.mode == "strict" else 1)
        np.testing.assert_allclose(kept["video->text"][caption], codes.mean(1)[0].detach(), atol=1e-5)


def test_packed_files_give_the_results_of_the_original_ones(finished, recipe, copies, tmp_path):
    """Recordings are of different lengths: packed ones are padded to the longest of all, not of a batch."""
    mode = f"evaluate.mode={finished.mode!r}"
    packed = [f"bench.{name}.packed={str(tmp_path / name)!r}" for name in ITEMS]
    paths = [
        f"bench.{name}.{key}={str(copies / at)!r}" for name in ITEMS for key, at in (("root", name), ("bert", "bert"))
    ]
    for name in ITEMS:
        overrides = (*OVERRIDES, *paths, mode)
        codaar_core.pack_benchmark(recipe, name, tmp_path / name, "float32", overrides, [__file__])
    again = run(recipe, copies, mode, *packed)
    for name in ITEMS:
        first, second = (np.load(each / f"bench/{name}/seed-1/predictions.npz") for each in (finished.directory, again))
        assert set(first) == set(second)
        for key in first:
            np.testing.assert_allclose(first[key], second[key], atol=1e-6)


def test_a_head_with_parameters_is_refused(recipe, copies):
    with pytest.raises(CodaarError, match="retrieval has no train clips") as caught:
        run(recipe, copies, "bench.coco.head.use='clip-classifier'")
    assert "mean-code" in caught.value.help
