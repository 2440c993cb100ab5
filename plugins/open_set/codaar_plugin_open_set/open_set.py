"""Benchmark "open-set": a head that knows some classes of a benchmark is tested on clips of all its classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import attrs
import torch
from attrs.validators import and_, ge, gt, lt, min_len
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import (
    Benchmark,
    BenchmarkContext,
    ComponentError,
    Metric,
    Predicted,
    Selection,
    Space,
    Transfer,
    setting,
)
from codaar_plugin_open_set.clips import OpenSetClips, held_out, labels_of
from codaar_plugin_open_set.metrics import at_threshold, auroc, best_of_ten, oscr


class OpenSet(Benchmark):
    """Open-set test of another classification benchmark: heads are trained on its first classes and must reject others.

    In mode "strict" the threshold of rejection comes from held-out training clips. In mode "as-published" the test
    clips choose the threshold and the epoch, as in the released code of MICU (ICCV 2025): an oracle.

    Raises:
        ComponentError: There is no such benchmark, or all of its classes would be known.
    """

    head = "open-set-classifier"
    example: ClassVar = {"of": "other", "known": 2}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the open-set test."""

        of: str = setting(help="classification benchmark, a block [bench.NAME] in evaluate.on", check=min_len(1))
        known: int = setting(help="number of known classes, the first ones of that benchmark", check=ge(2))
        validation: float = setting(
            0.2,
            "share of the known training clips held out for the threshold, if the benchmark has no validation clips",
            and_(gt(0.0), lt(1.0)),
        )

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.base = context.other(config.of)
        self.card = self.base.card
        self.oracle = context.mode == "as-published"
        classes = len(self.base.classes)
        if config.known >= classes:
            raise ComponentError(
                f"{config.of} has {classes} classes, so known = {config.known} leaves none unknown",
                f"write known = 2 to {classes - 1}" if classes > 2 else "name a benchmark with more classes",
            )
        self._labels: dict[tuple[str, str], Tensor] = {}

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The classification benchmark."""
        return (self.config.of,)

    @property
    def classes(self) -> tuple[str, ...]:
        """The known classes."""
        return self.base.classes[: self.config.known]

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """H-score, accuracies on known and on unknown clips, and two measures without threshold."""
        decide = best_of_ten if self.oracle else at_threshold
        return {
            "h_score": lambda prediction, target: decide(prediction, target).harmonic_mean,
            "known_accuracy": lambda prediction, target: decide(prediction, target).known,
            "unknown_accuracy": lambda prediction, target: decide(prediction, target).unknown,
            "auroc": auroc,
            "oscr": oscr,
        }

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Compute all metrics in the tested modality.

        Raises:
            ComponentError: The head does not predict probabilities and a threshold.
        """
        if target.prediction.shape[1:] != (self.config.known + 1,):
            raise ComponentError(
                f"the head predicts {tuple(target.prediction.shape[1:])} per clip, not {self.config.known} "
                "probabilities and a threshold",
                'use the head "open-set-classifier", or one with the same predictions',
            )
        return super().score(source, target)

    def split(self, role: str, modality: str) -> OpenSetClips:
        """Test clips of all classes; training and validation clips of known classes."""
        own_validation = self.base.selection.endswith("validation")
        if role == "validation" and own_validation:
            return self._known("validation", modality)
        if role == "test":
            split = self.base.split("test", modality)
            return OpenSetClips(split, range(len(split)), self.config.known)
        known = self._known("train", modality)
        if not self.calibrated or own_validation:
            return known
        train, validation = held_out(known.kept, self.config.validation)
        return OpenSetClips(known.split, validation if role == "validation" else train, self.config.known)

    def _known(self, role: str, modality: str) -> OpenSetClips:
        """The clips of known classes."""
        split = self.base.split(role, modality)
        if (role, modality) not in self._labels:
            self._labels[role, modality] = labels_of(split, modality)
        kept = (self._labels[role, modality] < self.config.known).nonzero().flatten().tolist()
        return OpenSetClips(split, kept, self.config.known)

    @property
    def calibrated(self) -> bool:
        """Whether the threshold comes from validation clips: in strict mode."""
        return not self.oracle

    @property
    def selection(self) -> Selection:
        """The last epoch; as published, the best on the test clips."""
        return "test" if self.oracle else "last"

    @property
    def extraction(self) -> Mapping[str, str]:
        """Those of the classification benchmark."""
        return self.base.extraction

    @property
    def given(self) -> Space | None:
        """That of the classification benchmark."""
        return self.base.given

    @property
    def dropout(self) -> bool:
        """That of the classification benchmark."""
        return self.base.dropout

    @property
    def summarised(self) -> Sequence[str]:
        """Those of the classification benchmark."""
        return tuple(self.base.summarised)

    def transfers(self) -> Sequence[Transfer]:
        """Those of the classification benchmark."""
        return self.base.transfers()

    def caveat(self, transfer: Transfer) -> str:
        """That of the classification benchmark, and whether the threshold is an oracle."""
        chosen = "test clips choose threshold and epoch" if self.oracle else ""
        return "; ".join(filter(None, (self.base.caveat(transfer), chosen)))

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """Every class for all clips, unknown too."""
        width = self.config.known + 1
        return (F.one_hot(torch.full_like(target, index), width).float() for index in range(width))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Random probabilities and a random threshold."""
        return torch.rand(len(target), self.config.known + 1, generator=generator)
