"""How fast films become features: batches across films and several processes beside one film at a time, in one run.

Prints one JSON line. Films of random colours with sound are written, and features are extracted by hf-image with a
small random ViT of the stated width, by hf-audio with a small random HuBERT, and by hf-text for as many sentences: one
film at a time (batch 1), in shared batches, and in shared batches by several processes. Start-up of the processes is
counted, imports of this one are not. Features must be equal up to rounding.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers

import codaar_core
from codaar_core.testing.toy_recordings import write_film

SIZE = 224  # pixels of the pictures that the model reads


def main() -> None:
    """Measure each way of each extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=2, help="length of a film")
    parser.add_argument("--width", type=int, default=192, help="hidden width of the models, of 6 blocks")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--processes", type=int, default=2, help="1: several processes are not measured")
    parser.add_argument("--extractors", nargs="+", default=["hf-image", "hf-audio", "hf-text"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_models(folder, arguments.width)
        write_sources(folder, arguments.films, arguments.seconds)
        measured = {each: measure(folder, each, arguments) for each in arguments.extractors}
    settings = {key: value for key, value in vars(arguments).items() if key != "extractors"}
    print(json.dumps({**settings, "threads": torch.get_num_threads(), "a second": measured}))


def measure(folder: Path, extractor: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Films or sentences a second in each way."""
    sources = folder / ("captions.csv" if extractor == "hf-text" else "films")
    ways = {"one": (1, 1), "batches": (arguments.batch, 1), "processes": (arguments.batch, arguments.processes)}
    rates = {}
    first = folder / f"{extractor}-first"  # imports are not counted
    codaar_core.extract_features(extractor, sources, first, [f"model={folder / extractor}"], on="cpu")
    for way, (batch, processes) in ways.items():
        if way == "processes" and processes == 1:
            continue
        settings = [f"model={folder / extractor}", f"batch={batch}"]
        to = folder / f"{extractor}-{way}"
        begin = time.perf_counter()
        made = codaar_core.extract_features(extractor, sources, to, settings, on="cpu", processes=processes)
        rates[way] = round(made.new / (time.perf_counter() - begin), 2)
        refuse_difference(folder / f"{extractor}-one", to)
    return {**rates, "batches / one": round(rates["batches"] / rates["one"], 2)}


def refuse_difference(one: Path, other: Path) -> None:
    """Assert that two folders have the same features up to rounding."""
    for path in one.glob("*.npy"):
        np.testing.assert_allclose(np.load(other / path.name), np.load(path), rtol=1e-3, atol=1e-4)


def write_sources(folder: Path, films: int, seconds: int) -> None:
    """Write films with sound, and sentences."""
    (folder / "films").mkdir()
    times = list(np.arange(25 * seconds) / 25)
    generator = np.random.default_rng(0)
    for number in range(films):
        colours = {time: tuple(generator.integers(0, 256, 3).tolist()) for time in times}
        write_film(
            folder / "films" / f"{number}.mkv",
            times,
            colours.__getitem__,
            lambda t, number=number: 0.3 * np.sin(2 * np.pi * (200 + number) * t),
            (0, seconds),
        )
    rows = [f"{number},{' '.join(generator.choice(WORDS[4:], 8 + number % 5))}" for number in range(films)]
    (folder / "captions.csv").write_text("\n".join(["id,text", *rows]) + "\n")


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"word{number}" for number in range(50))]


def save_models(folder: Path, width: int) -> None:
    """Save random models as those of the hub are."""
    torch.manual_seed(0)
    body = {"hidden_size": width, "num_hidden_layers": 6, "num_attention_heads": 3, "intermediate_size": 4 * width}
    transformers.ViTModel(transformers.ViTConfig(**body)).save_pretrained(folder / "hf-image")
    size = {"height": SIZE, "width": SIZE}
    transformers.ViTImageProcessor(size=size).save_pretrained(folder / "hf-image")
    transformers.HubertModel(transformers.HubertConfig(**body)).save_pretrained(folder / "hf-audio")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder / "hf-audio")
    transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **body)).save_pretrained(folder / "hf-text")
    (folder / "hf-text" / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(str(folder / "hf-text" / "vocab.txt")).save_pretrained(folder / "hf-text")


if __name__ == "__main__":
    main()
