"""Cross-Modal Generalization: train a light head on one modality's codes, test it unchanged on another's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

import attrs
import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from codaar_core.api import Benchmark, DataError, Predicted, Split, TaskHead, Transfer
from codaar_core.engine.assembly.benchmark_splits import learns, modalities_of, open_split, roles_of, splits_of
from codaar_core.engine.assembly.build import build_head
from codaar_core.engine.assembly.model import clip_groups
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.devices.runtime import derive_seed, generator_of
from codaar_core.engine.evaluation.encode_split import BATCH, EncodedSplit, encode_split, encoder_dropout, look_up
from codaar_core.engine.evaluation.epoch_selection import EpochSelector
from codaar_core.engine.evaluation.scores import score_transfers, transfer_entries
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.results import TransferScore, as_json
from codaar_core.engine.training.optimizer import set_learning_rate
from codaar_core.engine.training.session import Session
from codaar_core.features.files import write_whole
from codaar_core.recipe.plan import BenchmarkPlan


def evaluate(session: Session, benchmark_runs: Sequence[BenchmarkRun]) -> list[TransferScore]:
    """Run all benchmarks of the plan; gives the transfer entries of results.json, to the first of several ranks.

    Encoders and codebooks are frozen, and in evaluation mode unless a benchmark asks for their dropout.
    """
    session.model.eval().requires_grad_(False)
    return [entry for benchmark_run in benchmark_runs for entry in benchmark_run.run()]


def make_benchmark_runs(
    session: Session, benchmarks: Mapping[str, Benchmark], overlap: SeenClips
) -> list[BenchmarkRun]:
    """One for each benchmark that is on, with its files opened.

    Raises:
        DataError: A file is missing or damaged.
    """
    benchmark_runs = [
        _make_benchmark_run(session, bench, benchmarks[bench.name], overlap) for bench in session.plan.benchmarks
    ]
    for benchmark_run in benchmark_runs:
        with download_hint(benchmark_run.benchmark.card):
            benchmark_run.open()
    return benchmark_runs


def _make_benchmark_run(
    session: Session, bench: BenchmarkPlan, benchmark: Benchmark, overlap: SeenClips
) -> BenchmarkRun:
    head = build_head(session.plan, bench, benchmark, session.model.quantizer, seed=0)
    return BenchmarkRun(session, bench, benchmark, overlap, learns(head))


@attrs.frozen
class TrainedHead:
    """What is left of a head: its weights, and its predictions of the test clips seen through each modality."""

    weights: Mapping[str, Tensor]
    predictions: Mapping[str, Predicted]

    @classmethod
    def of(cls, selector: EpochSelector) -> TrainedHead:
        """On the host, so that it can be sent to another rank."""
        return cls({name: value.cpu() for name, value in selector.head.state_dict().items()}, selector.predictions)


@attrs.frozen
class BenchmarkRun:
    """One benchmark on the model of a session."""

    session: Session
    bench: BenchmarkPlan
    benchmark: Benchmark
    overlap: SeenClips
    learns: bool  # whether its head has anything to train

    @property
    def modalities(self) -> list[str]:
        """Those of any transfer; a head is trained on each, for the upper bounds."""
        return modalities_of(self.benchmark)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the heads; one that learns nothing is the same with any seed."""
        seeds = self.session.plan.evaluate.seeds
        return seeds if self.learns else seeds[:1]

    @property
    def roles(self) -> list[str]:
        """Splits that are read."""
        return roles_of(self.benchmark, self.learns)

    @property
    def prediction_batch(self) -> int:
        """Clips a prediction; where heads are given something large besides codes, as many as in training."""
        return BATCH if self.benchmark.given is None else self.bench.batch

    def open(self) -> None:
        """Open every split, so that a missing file is missed before the training and not after it.

        Raises:
            DataError: A split cannot be read, or is empty.
        """
        for role, modality in splits_of(self.benchmark, self.learns):
            split, place = self.split(role, modality), (self.bench.name, role, modality)
            if not len(split):
                raise DataError(f"{', '.join(place)}: there is no clip", "look whether its lists are whole")
            self.overlap.record_warnings(split, *place)
            self.overlap.checked(split, *place)

    def split(self, role: str, modality: str) -> Split:
        """The clips of a role for a modality, from files of the benchmark or from packed ones."""
        return open_split(self.session.plan, self.bench, self.benchmark, role, modality)

    def run(self) -> list[TransferScore]:
        """Train all heads, test each on every modality, keep all of it in the run directory.

        Several ranks share the modalities that heads are trained on; the first of them scores.
        """
        seeds, hook, tested = self.seeds, self.session.hook, self.modalities
        hook.codaar_benchmark_start(benchmark=self.bench.name, heads=len(seeds) * len(tested))
        test = {modality: self.encode("test", modality) for modality in tested}
        heads = self.session.runtime.map_over_ranks(tested, lambda modality: self.trained_heads(modality, test))
        if not self.session.runtime.is_first:
            return []
        scores = []
        for seed in seeds:
            predictions = {
                Transfer(trained_on, m): prediction
                for trained_on, by_seed in heads.items()
                for m, prediction in by_seed[seed].predictions.items()
            }
            scores.append(score_transfers(self.benchmark, predictions))
            self.keep(seed, {m: by_seed[seed].weights for m, by_seed in heads.items()}, predictions, scores[-1])
        truths = {modality: coded.target.cpu() for modality, coded in test.items()}
        entries = transfer_entries(self.bench.name, self.benchmark, scores, truths)
        hook.codaar_benchmark_end(benchmark=self.bench.name, results=[as_json(entry) for entry in entries])
        return entries

    def encode(self, role: str, modality: str) -> EncodedSplit:
        """Codes of the clips of a role; those seen in pretraining are counted, and left out if the recipe says so."""
        split = self.overlap.checked(self.split(role, modality), self.bench.name, role, modality)
        summarised = modality in self.benchmark.summarised
        return encode_split(self.session.model, self.session.runtime, split, modality, summarised)

    def trained_heads(self, modality: str, test: Mapping[str, EncodedSplit]) -> dict[int, TrainedHead]:
        """Heads by seed, trained on one modality's codes; heads without parameters need no training split."""
        plan, quantizer = self.session.plan, self.session.model.quantizer
        heads = {s: build_head(plan, self.bench, self.benchmark, quantizer, s) for s in self.seeds}
        training = self.encode("train", modality) if self.learns else None
        validation = {m: self.encode("validation", m) for m in self.validated(modality)}
        chosen = {}
        for seed, head in heads.items():
            message = f"while evaluating {self.bench.name}; the trained model is kept"
            self.session.interruption.check(message, self.session.resume_command)
            head.to(self.session.runtime.device, self.session.runtime.dtype)
            selector = EpochSelector(head, self.benchmark, modality, quantizer, test, validation, self.prediction_batch)
            if training is not None:
                for _ in self.train(head, training, seed):
                    selector.consider()
            chosen[seed] = TrainedHead.of(selector.settled())
            self.session.hook.codaar_head_end(benchmark=self.bench.name, train=modality, seed=seed)
        return chosen

    def validated(self, modality: str) -> list[str]:
        """Through which modalities validation clips are seen while heads are trained on ``modality``."""
        if "validation" not in self.roles:
            return []
        return [modality] if self.benchmark.selection == "validation" else self.modalities

    def train(self, head: TaskHead, coded: EncodedSplit, seed: int) -> Iterator[int]:
        """Train ``head`` on the codes of one modality, epoch by epoch; it never learns which one."""
        quantizer, bench = self.session.model.quantizer, self.bench
        optimizer = torch.optim.Adam(head.parameters(), lr=bench.lr, fused=True)
        for epoch in range(bench.epochs):
            set_learning_rate(optimizer, bench, epoch)
            torch.manual_seed(derive_seed(seed, bench.name, "train", epoch))
            if self.benchmark.dropout:
                with encoder_dropout(self.session.model):
                    coded = self.encode("train", coded.modality)
            head.train()
            order = torch.randperm(len(coded.indices), generator=generator_of(seed, bench.name, epoch))
            for rows in order.to(coded.indices.device).split(bench.batch):
                loss = head.loss(head(*look_up(quantizer, coded, rows)), coded.target[rows])
                optimizer.zero_grad()
                loss.backward()
                for group in clip_groups([head], head.clipped_apart):
                    torch.nn.utils.clip_grad_norm_(group, bench.clip or math.inf)
                optimizer.step()
            head.eval()
            yield epoch

    def keep(
        self,
        seed: int,
        heads: Mapping[str, Mapping[str, Tensor]],
        predictions: Mapping[Transfer, Predicted],
        scores: Mapping[Transfer, Mapping[str, float]],
    ) -> None:
        """Leave heads, predictions and scores of one seed in the run directory."""
        directory = self.session.directory
        folder = directory.bench(self.bench.name, seed)
        weights = {f"{m}.{name}": value for m, head in heads.items() for name, value in head.items()}
        if weights:
            plain = {name: value.contiguous() for name, value in weights.items()}
            write_whole(folder / "head.safetensors", save(plain))
        arrays = {f"{t.train}->{t.test}": each.prediction.numpy() for t, each in predictions.items()}
        targets = {f"target/{t.test}": each.target.numpy() for t, each in predictions.items()}
        packed = BytesIO()
        np.savez_compressed(packed, **arrays, **targets)
        write_whole(folder / "predictions.npz", packed.getvalue())
        metrics = {f"{t.train}->{t.test}": dict(values) for t, values in scores.items()}
        record = {"mode": self.session.plan.evaluate.mode, "seed": seed, "selection": self.benchmark.selection}
        directory.write_json(str((folder / "metrics.json").relative_to(directory.path)), {**record, "scores": metrics})
