"""Cross-Modal Generalization: train a light head on one modality's codes, test it unchanged on another's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from codaar_core.api import Benchmark, DataSource, Predicted, Quantized, Quantizer, Split, TaskHead, Transfer
from codaar_core.engine.build import build_benchmark, build_head
from codaar_core.engine.model import Model
from codaar_core.engine.runtime import Runtime, derive_seed, generator_of
from codaar_core.engine.session import Session
from codaar_core.recipe.plan import BenchmarkPlan

ENCODING_BATCH = 100
CHANCE_DRAWS = 20


class Coded(NamedTuple):
    """A split seen through one modality: codes are small, so they are computed once and kept."""

    modality: str
    indices: Tensor  # (N, T)
    mask: Tensor | None  # (N, T)
    target: Tensor  # (N, ...)


def evaluate(session: Session, data: DataSource) -> list[dict[str, Any]]:
    """Run all benchmarks of the plan; gives the transfer entries of results.json.

    Encoders and codebooks are frozen and in evaluation mode; a test split is read once, after training the head.
    """
    session.model.eval().requires_grad_(False)
    entries = []
    for bench in session.plan.benchmarks:
        benchmark = build_benchmark(session.plan, bench, data)
        entries += _evaluate_benchmark(session, bench, benchmark)
    return entries


def _evaluate_benchmark(session: Session, bench: BenchmarkPlan, benchmark: Benchmark) -> list[dict[str, Any]]:
    transfers = list(benchmark.transfers())
    modalities = [m for m in session.plan.modalities if any(m in transfer for transfer in transfers)]
    seeds = session.plan.evaluate.seeds
    test = {m: encode_split(session, benchmark.split("test", m), m) for m in modalities}
    heads_by_seed = [
        {m: build_head(session.plan, bench, benchmark, session.model.quantizer, seed) for m in modalities}
        for seed in seeds
    ]
    learns = any(True for _ in heads_by_seed[0][modalities[0]].parameters())
    train = {m: encode_split(session, benchmark.split("train", m), m) for m in modalities} if learns else {}
    session.hook.codaar_benchmark_start(benchmark=bench.name, heads=len(seeds) * len(modalities))
    scores = {}
    for seed, heads in zip(seeds, heads_by_seed, strict=True):
        predictions = {}
        for modality, head in heads.items():
            session.interruption.check(f"while evaluating {bench.name}; `--resume {session.directory.path}` goes on")
            place(head, session.runtime)
            if learns:
                train_head(head, session.model.quantizer, train[modality], bench, seed)
            predictions |= {
                Transfer(modality, m): predict(head, session.model.quantizer, coded) for m, coded in test.items()
            }
            session.hook.codaar_head_end(benchmark=bench.name, train=modality, seed=seed)
        scores[seed] = _scores(benchmark, transfers, predictions)
        _keep(session, bench, seed, heads, predictions, scores[seed])
    entries = _entries(bench.name, benchmark, transfers, scores, _references(benchmark, test))
    session.hook.codaar_benchmark_end(benchmark=bench.name, results=entries)
    return entries


@torch.no_grad()
def encode_split(session: Session, split: Split, modality: str) -> Coded:
    """Assign codes to all clips of a split, seen through one modality alone."""
    model: Model = session.model
    codes, targets = [], []
    for start in range(0, len(split), ENCODING_BATCH):
        batch = session.runtime.place(split[range(start, min(start + ENCODING_BATCH, len(split)))], (modality,))
        codes.append(model.quantizer.quantize(model.encode(batch.inputs))[modality])
        targets.append(batch.targets[modality])
    indices = _join([each.indices for each in codes])
    masks = _join([_mask_of(each) for each in codes])
    return Coded(modality, indices, None if bool(masks.all()) else masks, torch.cat(targets))


def _mask_of(codes: Quantized) -> Tensor:
    return torch.ones_like(codes.indices, dtype=torch.bool) if codes.mask is None else codes.mask


def _join(parts: Sequence[Tensor]) -> Tensor:
    """Join (B, T) tensors; shorter ones are padded with zeros, which are False in a mask."""
    length = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, length - part.shape[1])) for part in parts])


def place(head: TaskHead, runtime: Runtime) -> None:
    """Bring a head to where the codes are."""
    head.to(runtime.device, runtime.dtype)


def train_head(head: TaskHead, quantizer: Quantizer, coded: Coded, bench: BenchmarkPlan, seed: int) -> None:
    """Train ``head`` on the codes of one modality; it never learns which one."""
    torch.manual_seed(derive_seed(seed, bench.name, "train"))
    optimizer = torch.optim.Adam(head.parameters(), lr=bench.lr)
    head.train()
    for epoch in range(bench.epochs):
        order = torch.randperm(len(coded.indices), generator=generator_of(seed, bench.name, epoch))
        for rows in order.to(coded.indices.device).split(bench.batch):
            loss = head.loss(head(look_up(quantizer, coded, rows)), coded.target[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), bench.clip or math.inf)
            optimizer.step()
    head.eval()


def look_up(quantizer: Quantizer, coded: Coded, rows: Tensor) -> Quantized:
    """The codes of some clips."""
    codes = quantizer.lookup(coded.modality, coded.indices[rows])
    return codes._replace(mask=None if coded.mask is None else coded.mask[rows])


@torch.no_grad()
def predict(head: TaskHead, quantizer: Quantizer, coded: Coded) -> Predicted:
    """Predictions for every clip."""
    rows = torch.arange(len(coded.indices), device=coded.indices.device).split(ENCODING_BATCH)
    outputs = [head.predict(head(look_up(quantizer, coded, part))) for part in rows]
    return Predicted(torch.cat(outputs).cpu(), coded.target.cpu())


def _scores(
    benchmark: Benchmark, transfers: Sequence[Transfer], predictions: Mapping[Transfer, Predicted]
) -> dict[Transfer, dict[str, float]]:
    """Scores of the transfers and, for each test modality, of the head that was trained on it: the upper bound."""
    wanted = [*transfers, *{Transfer(transfer.test, transfer.test) for transfer in transfers}]
    return {
        transfer: benchmark.score(predictions[Transfer(transfer.train, transfer.train)], predictions[transfer])
        for transfer in wanted
    }


def _references(benchmark: Benchmark, test: Mapping[str, Coded]) -> dict[Transfer, dict[str, dict[str, float]]]:
    """What one reaches without looking: by uniform guesses on average, by the best constant answer."""
    return {
        transfer: {
            "chance": _merge(statistics.fmean, _chance(benchmark, test[transfer.train], test[transfer.test])),
            "constant": _merge(max, _constants(benchmark, test[transfer.train], test[transfer.test])),
        }
        for transfer in benchmark.transfers()
    }


def _chance(benchmark: Benchmark, source: Coded, target: Coded) -> Iterator[dict[str, float]]:
    for draw in range(CHANCE_DRAWS):
        generator = generator_of(draw, "chance")
        guesses = [
            Predicted(benchmark.guess(each.target.cpu(), generator), each.target.cpu()) for each in (source, target)
        ]
        yield benchmark.score(*guesses)


def _constants(benchmark: Benchmark, source: Coded, target: Coded) -> Iterator[dict[str, float]]:
    sides = [
        [Predicted(c, each.target.cpu()) for c in benchmark.constants(each.target.cpu())] for each in (source, target)
    ]
    for pair in zip(*sides, strict=True):
        yield benchmark.score(*pair)


def _merge(how: Any, scores: Iterator[dict[str, float]]) -> dict[str, float]:
    scores = list(scores)
    return {name: how([each[name] for each in scores]) for name in scores[0]}


def _entries(
    name: str,
    benchmark: Benchmark,
    transfers: Sequence[Transfer],
    scores: Mapping[int, Mapping[Transfer, Mapping[str, float]]],
    references: Mapping[Transfer, Mapping[str, Mapping[str, float]]],
) -> list[dict[str, Any]]:
    headline = next(iter(benchmark.metrics))
    entries = []
    for transfer in transfers:
        for metric in benchmark.metrics:
            values = [by_transfer[transfer][metric] for by_transfer in scores.values()]
            bounds = [by_transfer[Transfer(transfer.test, transfer.test)][metric] for by_transfer in scores.values()]
            entries.append(
                {
                    "benchmark": name,
                    "train": transfer.train,
                    "test": transfer.test,
                    "metric": metric,
                    "headline": metric == headline,
                    "mean": statistics.fmean(values),
                    "std": statistics.stdev(values) if len(values) > 1 else 0.0,
                    "values": values,
                    "chance": references[transfer]["chance"][metric],
                    "constant": references[transfer]["constant"][metric],
                    "upper_bound": statistics.fmean(bounds),
                    "published": benchmark.published.get(f"{transfer.train}->{transfer.test}/{metric}"),
                    "caveat": benchmark.caveat(transfer),
                }
            )
    return entries


def _keep(
    session: Session,
    bench: BenchmarkPlan,
    seed: int,
    heads: Mapping[str, TaskHead],
    predictions: Mapping[Transfer, Predicted],
    scores: Mapping[Transfer, Mapping[str, float]],
) -> None:
    """Leave heads, predictions and scores of one seed in the run directory."""
    folder = session.directory.bench(bench.name, seed)
    weights = {
        f"{m}.{name}": value.contiguous() for m, head in heads.items() for name, value in head.state_dict().items()
    }
    if weights:
        save_file(weights, folder / "head.safetensors")
    arrays = {f"{transfer.train}->{transfer.test}": each.prediction.numpy() for transfer, each in predictions.items()}
    targets = {f"target/{transfer.test}": each.target.numpy() for transfer, each in predictions.items()}
    np.savez_compressed(folder / "predictions.npz", **arrays, **targets)
    metrics = {f"{transfer.train}->{transfer.test}": dict(values) for transfer, values in scores.items()}
    session.directory.write_json(
        str((folder / "metrics.json").relative_to(session.directory.path)),
        {"mode": session.plan.evaluate.mode, "seed": seed, "scores": metrics},
    )
