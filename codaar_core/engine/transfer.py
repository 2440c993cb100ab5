"""Cross-Modal Generalization: train a light head on one modality's codes, test it unchanged on another's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from codaar_core.api import Benchmark, Predicted, Quantized, Quantizer, Split, TaskHead, Transfer
from codaar_core.engine.build import build_head
from codaar_core.engine.model import Model
from codaar_core.engine.runtime import derive_seed, generator_of
from codaar_core.engine.scores import score_transfers, transfer_entries
from codaar_core.engine.session import Session
from codaar_core.recipe.plan import BenchmarkPlan

ENCODING_BATCH = 100


class Coded(NamedTuple):
    """A split seen through one modality: codes are small, so they are computed once and kept."""

    modality: str
    indices: Tensor  # (N, T)
    mask: Tensor | None  # (N, T)
    target: Tensor  # (N, ...)


def evaluate(session: Session, benchmarks: Mapping[str, Benchmark]) -> list[dict[str, Any]]:
    """Run all benchmarks of the plan; gives the transfer entries of results.json.

    Encoders and codebooks are frozen and in evaluation mode; a test split is read once, after training the head.
    """
    session.model.eval().requires_grad_(False)
    entries = []
    for bench in session.plan.benchmarks:
        entries += _evaluate_benchmark(session, bench, benchmarks[bench.name])
    return entries


def _evaluate_benchmark(session: Session, bench: BenchmarkPlan, benchmark: Benchmark) -> list[dict[str, Any]]:
    seeds = session.plan.evaluate.seeds
    tested = dict.fromkeys(modality for transfer in benchmark.transfers() for modality in transfer)
    session.hook.codaar_benchmark_start(benchmark=bench.name, heads=len(seeds) * len(tested))
    test = {m: encode_split(session, benchmark.split("test", m), m) for m in tested}
    heads = {m: _trained_heads(session, bench, benchmark, m) for m in tested}
    scores = []
    for seed in seeds:
        predictions = {
            Transfer(trained_on, m): predict(heads[trained_on][seed], session.model.quantizer, coded)
            for trained_on in tested
            for m, coded in test.items()
        }
        scores.append(score_transfers(benchmark, predictions))
        _keep(session, bench, seed, {m: by_seed[seed] for m, by_seed in heads.items()}, predictions, scores[-1])
    entries = transfer_entries(bench.name, benchmark, scores, {m: coded.target.cpu() for m, coded in test.items()})
    session.hook.codaar_benchmark_end(benchmark=bench.name, results=entries)
    return entries


def _trained_heads(session: Session, bench: BenchmarkPlan, benchmark: Benchmark, modality: str) -> dict[int, TaskHead]:
    """Heads by seed, trained on one modality's codes; heads without parameters need no training split."""
    quantizer = session.model.quantizer
    heads = {seed: build_head(session.plan, bench, benchmark, quantizer, seed) for seed in session.plan.evaluate.seeds}
    learns = any(True for head in heads.values() for _ in head.parameters())
    coded = encode_split(session, benchmark.split("train", modality), modality) if learns else None
    for seed, head in heads.items():
        session.interruption.check(f"while evaluating {bench.name}; the trained model is kept", session.resume_command)
        head.to(session.runtime.device, session.runtime.dtype)
        if coded is not None:
            train_head(head, quantizer, coded, bench, seed)
        head.eval()
        session.hook.codaar_head_end(benchmark=bench.name, train=modality, seed=seed)
    return heads


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
