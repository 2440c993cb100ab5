"""Cross-modal generalisation: trains heads on the codes of one modality and tests them on those of another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs
import torch
from torch import Tensor

from codaar_core.api import Benchmark, DataError, Predicted, Split, TaskHead, Transfer
from codaar_core.engine.assembly.benchmark_splits import is_trainable, modalities_of, open_split, roles_of, splits_of
from codaar_core.engine.assembly.build import build_head
from codaar_core.engine.assembly.model import clip_groups
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.data.first_batch import check_benchmark_split
from codaar_core.engine.devices.runtime import derive_seed, generator_of
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.evaluation.code_records import measure_levels
from codaar_core.engine.evaluation.encode_split import (
    BATCH,
    EncodedOnce,
    EncodedSplit,
    encode_split,
    encoder_dropout,
    head_batches,
    head_inputs,
)
from codaar_core.engine.evaluation.epoch_selection import EpochSelector
from codaar_core.engine.evaluation.finished_heads import SeedFolder, heads_key, weights_digest
from codaar_core.engine.evaluation.scores import score_transfers, transfer_entries
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.results import BenchmarkCodes, TransferScore, as_json
from codaar_core.engine.training.optimizer import set_learning_rate
from codaar_core.engine.training.session import Session
from codaar_core.recipe.plan import BenchmarkPlan


@attrs.frozen
class Evaluation:
    """What benchmarks measured, as entries of results.json; empty on ranks other than zero.

    Attributes:
        transfers: One entry for each transfer and metric.
        codes: Measures on the codes of the test splits, one entry for each benchmark and level.
    """

    transfers: tuple[TransferScore, ...] = ()
    codes: tuple[BenchmarkCodes, ...] = ()

    @classmethod
    def combined(cls, parts: Sequence[Evaluation]) -> Evaluation:
        """Put the entries of several benchmarks together, in order."""
        transfers = tuple(entry for part in parts for entry in part.transfers)
        return cls(transfers, tuple(entry for part in parts for entry in part.codes))


def evaluate(session: Session, benchmark_runs: Sequence[BenchmarkRun]) -> Evaluation:
    """Run all benchmarks.

    Encoders and codebooks are frozen, and in evaluation mode unless a benchmark asks for their dropout.

    Returns:
        The entries of results.json; empty on ranks other than zero.
    """
    session.model.eval().requires_grad_(False)
    weights = weights_digest(session.model)
    return Evaluation.combined([benchmark_run.run(weights) for benchmark_run in benchmark_runs])


def make_benchmark_runs(
    session: Session, benchmarks: Mapping[str, Benchmark], seen_clips: SeenClips
) -> list[BenchmarkRun]:
    """Make the run of each benchmark of the plan, and open its splits.

    Args:
        session: The run.
        benchmarks: The benchmarks by name.
        seen_clips: Counts clips seen in pretraining.

    Raises:
        DataError: A file is missing or damaged.
        CodaarError: Seen clips are to be dropped, and the pretraining clips are unknown.
    """
    if session.plan.benchmarks:
        seen_clips.note_unknown()
    benchmark_runs = [
        _make_benchmark_run(session, bench, benchmarks[bench.name], seen_clips) for bench in session.plan.benchmarks
    ]
    for benchmark_run in benchmark_runs:
        with download_hint(benchmark_run.benchmark.card):
            benchmark_run.open()
    return benchmark_runs


def _make_benchmark_run(
    session: Session, bench: BenchmarkPlan, benchmark: Benchmark, seen_clips: SeenClips
) -> BenchmarkRun:
    head = build_head(session.plan, bench, benchmark, session.model.quantizer, seed=0)
    return BenchmarkRun(session, bench, benchmark, seen_clips, is_trainable(head))


@attrs.frozen
class TrainedHead:
    """The results of training a head.

    Attributes:
        weights: Its state dict.
        predictions: Predictions of the test clips, by tested modality.
    """

    weights: Mapping[str, Tensor]
    predictions: Mapping[str, Predicted]

    @classmethod
    def of(cls, selector: EpochSelector) -> TrainedHead:
        """Copy the results to the CPU, so that they can be sent to another rank."""
        return cls({name: value.cpu() for name, value in selector.head.state_dict().items()}, selector.predictions)


@attrs.frozen
class BenchmarkRun:
    """One benchmark on the model of a session.

    Attributes:
        session: The run.
        bench: The benchmark's part of the plan.
        benchmark: The benchmark.
        seen_clips: Counts clips seen in pretraining.
        trainable: Whether the head has parameters to train.
        during_pretraining: Whether it is run between two epochs: it writes nothing and calls no hooks.
    """

    session: Session
    bench: BenchmarkPlan
    benchmark: Benchmark
    seen_clips: SeenClips
    trainable: bool
    during_pretraining: bool = False

    @property
    def modalities(self) -> list[str]:
        """Modalities of any transfer; a head is trained on each, also to obtain the upper bounds."""
        return modalities_of(self.benchmark)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the heads; one seed is enough for heads without parameters."""
        seeds = self.session.plan.evaluate.seeds
        return seeds if self.trainable else seeds[:1]

    @property
    def roles(self) -> list[str]:
        """Roles of the splits that are read: "train", "validation", "test"."""
        return roles_of(self.benchmark, self.trainable)

    @property
    def prediction_batch(self) -> int:
        """Clips predicted at once: as many as in training if heads have an additional input, which may be large."""
        return BATCH if self.benchmark.given is None else self.bench.batch

    def open(self) -> None:
        """Open every split, count its clips and check the first ones, so that faults are reported before pretraining.

        Raises:
            DataError: A split cannot be read, is empty, or its clips are not those that are declared.
        """
        splits = {(role, m): self.split(role, m) for role, m in splits_of(self.benchmark, self.trainable)}
        self.compare_with_training(splits)
        for (role, modality), split in splits.items():
            name = (self.bench.name, role, modality)
            if not len(split):
                raise DataError(f"{', '.join(name)}: the split has no clips", "check that its clip lists are complete")
            space, given = self.session.model.spaces[modality], self.benchmark.given
            check_benchmark_split(self.session.plan, self.bench, given, role, modality, space, split)
            self.seen_clips.record_warnings(split, *name)
            self.seen_clips.filtered(split, *name)

    def compare_with_training(self, splits: Mapping[tuple[str, str], Split]) -> None:
        """Let test clips in each modality be compared with the training clips of the heads tested on them."""
        drop = self.session.plan.evaluate.repeated == "drop"
        names = {modality: splits[role, modality].ids or () for role, modality in splits if role == "train"}
        for tested in self.modalities if names else ():
            sources = {transfer.train for transfer in self.benchmark.transfers() if transfer.test == tested}
            trained_on = (name for modality in sources for name in names[modality])
            self.seen_clips.add_training(self.bench.name, tested, trained_on, drop)

    def split(self, role: str, modality: str) -> Split:
        """Open the clips of a role in one modality, from the benchmark's own files or from packed ones."""
        return open_split(self.session.plan, self.bench, self.benchmark, role, modality)

    def run(self, weights: str) -> Evaluation:
        """Train the heads that are not finished, test each on every modality, and write heads, predictions and scores.

        Ranks divide the modalities that heads are trained on among them; rank zero scores and writes.

        Args:
            weights: Digest of the weights of the model.

        Returns:
            The entries of results.json; empty on ranks other than zero.
        """
        tested = self.modalities
        test = {modality: self.encode("test", modality) for modality in tested}
        targets = {modality: encoded.target.cpu() for modality, encoded in test.items()}
        folders = self.folders(weights) if self.session.runtime.is_first else {}
        finished = {seed: read for seed, folder in folders.items() if (read := folder.predictions(targets))}
        open_seeds = self.session.runtime.from_first([seed for seed in self.seeds if seed not in finished])
        hook = self.session.hook
        hook.codaar_benchmark_start(benchmark=self.bench.name, heads=len(open_seeds) * len(tested))
        encoded = EncodedOnce(self.encode)
        for seed, heads in self.trained(open_seeds, test, encoded):
            if self.session.runtime.is_first:
                finished[seed] = self.write(folders[seed], seed, heads)
        if not self.session.runtime.is_first:
            return Evaluation()
        scores = [score_transfers(self.benchmark, finished[seed]) for seed in self.seeds]
        entries = transfer_entries(self.bench.name, self.benchmark, scores, targets)
        training = partial(encoded, "train") if self.trainable else None
        codes = measure_levels(self.bench.name, self.benchmark, test, self.session.model.quantizer, training)
        hook.codaar_benchmark_end(benchmark=self.bench.name, results=[as_json(entry) for entry in entries])
        return Evaluation(tuple(entries), codes)

    def scores(self) -> Iterator[tuple[int, dict[Transfer, dict[str, float]]]]:
        """Train and test the heads of every seed without writing anything.

        Ranks divide the work as in ``run``: all of them must iterate.

        Yields:
            Each seed with its scores by transfer and metric; nothing on ranks other than zero.
        """
        test = {modality: self.encode("test", modality) for modality in self.modalities}
        for seed, heads in self.trained(self.seeds, test, EncodedOnce(self.encode)):
            if self.session.runtime.is_first:
                yield seed, score_transfers(self.benchmark, _predictions(heads))

    def key(self, weights: str) -> str:
        """Return a checksum of everything that the heads depend on; with ``weights`` empty, apart from the model."""
        plan, clips = self.session.plan, self.seen_clips.pretraining.hashes.digest
        return heads_key(plan, self.bench, self.session.runtime, weights, clips, self.benchmark.builds_on)

    def folders(self, weights: str) -> dict[int, SeedFolder]:
        """Return the folder of the heads of each seed."""
        key = self.key(weights)
        return {seed: SeedFolder(self.session.directory.bench(self.bench.name, seed), key) for seed in self.seeds}

    def encode(self, role: str, modality: str) -> EncodedSplit:
        """Encode the clips of a role, without those seen in pretraining if the recipe drops them."""
        split = self.seen_clips.filtered(self.split(role, modality), self.bench.name, role, modality)
        summarised = modality in self.benchmark.summarised
        return encode_split(self.session.model, self.session.runtime, split, modality, summarised)

    def trained(
        self, seeds: Sequence[int], test: Mapping[str, EncodedSplit], encoded: EncodedOnce
    ) -> Iterator[tuple[int, dict[str, TrainedHead]]]:
        """Yield the heads of each seed by the modality that they are trained on, tested on the clips ``test``.

        Raises:
            Interrupted: Any rank received a signal.
        """
        for seed in seeds:
            work = partial(self.trained_head, seed=seed, test=test, encoded=encoded)
            of_modality = self.session.runtime.map_over_ranks(self.modalities, work)
            heads = {modality: head for modality, head in of_modality.items() if isinstance(head, TrainedHead)}
            signals = [head for head in of_modality.values() if isinstance(head, int)]
            if signals:
                raise self._interrupted(max(signals))
            yield seed, heads

    def _interrupted(self, signal: int) -> Interrupted:
        kept = "the trained model and finished heads are kept"
        if self.during_pretraining:
            kept = "the state after the last epoch is kept"
        message = f"interrupted while evaluating {self.bench.name}; {kept}"
        return Interrupted(message, self.session.resume_command, signal)

    def trained_head(
        self, modality: str, seed: int, test: Mapping[str, EncodedSplit], encoded: EncodedOnce
    ) -> TrainedHead | int:
        """Train the head of one seed on the codes of ``modality``, and test it on the clips ``test`` of every modality.

        Returns:
            The head; or the number of a signal that this rank had received before, for all ranks to end together.
        """
        if signal := self.session.interruption.by:
            return signal
        quantizer, runtime = self.session.model.quantizer, self.session.runtime
        head = build_head(self.session.plan, self.bench, self.benchmark, quantizer, seed)
        head.to(runtime.device, runtime.dtype)
        validation = {m: encoded("validation", m) for m in self.validation_modalities(modality)}
        selector = EpochSelector(head, self.benchmark, modality, quantizer, test, validation, self.prediction_batch)
        if self.trainable:
            for _ in self.train(head, encoded("train", modality), seed):
                selector.end_epoch()
        if not self.during_pretraining:
            self.session.hook.codaar_head_end(benchmark=self.bench.name, train=modality, seed=seed)
        return TrainedHead.of(selector.finish())

    def validation_modalities(self, modality: str) -> list[str]:
        """Return the modalities of validation clips needed to select and calibrate a head trained on ``modality``."""
        if "validation" not in self.roles:
            return []
        return self.modalities if self.benchmark.selection == "target-validation" else [modality]

    def train(self, head: TaskHead, encoded: EncodedSplit, seed: int) -> Iterator[int]:
        """Train ``head`` on the codes of one modality and yield each epoch, with the head in evaluation mode.

        Args:
            head: The head, on the device.
            encoded: Training clips. Encoded anew in every epoch if the benchmark keeps encoder dropout on.
            seed: Determines the order of clips and all random draws.
        """
        quantizer, bench = self.session.model.quantizer, self.bench
        optimizer = torch.optim.Adam(head.parameters(), lr=bench.lr, fused=True)
        for epoch in range(bench.epochs):
            set_learning_rate(optimizer, bench, epoch)
            torch.manual_seed(derive_seed(seed, bench.name, "train", epoch))
            if self.benchmark.dropout:
                with encoder_dropout(self.session.model):
                    encoded = self.encode("train", encoded.modality)
            head.train()
            order = torch.randperm(len(encoded.indices), generator=generator_of(seed, bench.name, epoch))
            for rows, given in head_batches(self.session.runtime, encoded, order, bench.batch):
                loss = head.loss(head(*head_inputs(quantizer, encoded, rows, given)), encoded.target[rows])
                optimizer.zero_grad()
                loss.backward()
                for group in clip_groups([head], head.clipped_apart, head.not_clipped):
                    torch.nn.utils.clip_grad_norm_(group, bench.clip or math.inf)
                optimizer.step()
            head.eval()
            yield epoch

    def write(self, folder: SeedFolder, seed: int, heads: Mapping[str, TrainedHead]) -> dict[Transfer, Predicted]:
        """Write heads, predictions and scores of one seed to the run directory; gives the predictions."""
        predictions = _predictions(heads)
        scores = {f"{t.train}->{t.test}": v for t, v in score_transfers(self.benchmark, predictions).items()}
        record = {"mode": self.session.plan.evaluate.mode, "seed": seed, "selection": self.benchmark.selection}
        weights = {modality: head.weights for modality, head in heads.items()}
        folder.write(weights, predictions, {**record, "scores": scores})
        return predictions


def _predictions(heads: Mapping[str, TrainedHead]) -> dict[Transfer, Predicted]:
    return {
        Transfer(trained_on, tested): predicted
        for trained_on, head in heads.items()
        for tested, predicted in head.predictions.items()
    }
