"""How fast films become features: batches across films and several processes beside one film at a time, in one run.

Prints one JSON line. Films of random colours with sound are written, and features are extracted by hf-image with a
small random ViT of the stated width, by hf-audio with a small random HuBERT, and by hf-text for as many sentences: one
film at a time (batch 1), in shared batches, and in shared batches by several processes. The ways are measured in
turns, ``--repeat`` times, and the fastest time of each counts, because other work on the machine comes and goes.
Start-up of the processes is counted, imports of this one are not. Features must be equal up to rounding. ``load`` is
the mean number of running processes on the machine in the minute before the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
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
    parser.add_argument("--repeat", type=int, default=2, help="times that each way is measured")
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
    where = {"threads": torch.get_num_threads(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    print(json.dumps({**settings, **where, "extractors": measured}))


def measure(folder: Path, extractor: str, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Films or sentences a second and a CPU second in each way, and how many times those of one at a time."""
    sources = folder / ("captions.csv" if extractor == "hf-text" else "films")
    ways = {"one": (1, 1), "batches": (arguments.batch, 1), "processes": (arguments.batch, arguments.processes)}
    if arguments.processes == 1:
        del ways["processes"]
    model = f"model={folder / extractor}"
    codaar_core.extract_features(extractor, sources, folder / "first", [model], on="cpu")  # imports are not counted
    shutil.rmtree(folder / "first")
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(arguments.repeat):
        for way, (batch, processes) in ways.items():
            to = folder / f"{extractor}-{way}"
            shutil.rmtree(to, ignore_errors=True)
            begin, cpu = time.perf_counter(), cpu_seconds()
            codaar_core.extract_features(
                extractor, sources, to, [model, f"batch={batch}"], on="cpu", processes=processes
            )
            spent[way].append((time.perf_counter() - begin, cpu_seconds() - cpu))
            refuse_difference(folder / f"{extractor}-one", to)
    least = {way: [min(each) for each in zip(*times, strict=True)] for way, times in spent.items()}
    return {
        way: {
            "a second": round(arguments.films / seconds, 2),
            "a CPU second": round(arguments.films / cpu, 2),
            "times as many a second": round(least["one"][0] / seconds, 2),
            "times as many a CPU second": round(least["one"][1] / cpu, 2),
        }
        for way, (seconds, cpu) in least.items()
    }


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


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
