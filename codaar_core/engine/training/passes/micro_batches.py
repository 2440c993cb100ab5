"""A training step in several passes: gradients add up, and the codebooks are updated once with the clips of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import attrs
import torch
from torch import Tensor

from codaar_core.api import CodaarError, Encoded, Features, Quantized, Ranks, StepView
from codaar_core.recipe.plan import Plan

Record = TypeVar("Record", Encoded, Quantized)


def refuse_several_processes(plan: Plan, ranks: Ranks) -> None:
    """Refuse micro-batches where several processes share the clips of a step.

    Raises:
        CodaarError: There are several processes, and ``data.accumulate`` is not 1.
    """
    if ranks.size > 1 and plan.accumulate > 1:
        raise CodaarError(
            f"data.accumulate = {plan.accumulate} works in one process, not in {ranks.size}",
            "write data.accumulate = 1: each process computes a part of the clips already",
        )


def micro_batches(inputs: Mapping[str, Features], most: int) -> Iterator[tuple[dict[str, Features], float]]:
    """Divide a batch into parts of nearly equal size, each with at least one clip.

    Args:
        inputs: Features (B, T, *shape) by modality.
        most: Number of parts, where the batch has so many clips.

    Yields:
        Features of a part, padded as in the whole batch, and its share of the clips.
    """
    clips = len(next(iter(inputs.values())).values)
    parts = min(most, clips)
    for part in range(parts):
        start, end = clips * part // parts, clips * (part + 1) // parts
        chosen = {
            m: Features(each.values[start:end], None if each.mask is None else each.mask[start:end])
            for m, each in inputs.items()
        }
        yield (dict(inputs), 1.0) if parts == 1 else (chosen, (end - start) / clips)


def weighted(value: Tensor, share: float) -> Tensor:
    """Return ``value`` times ``share``."""
    return value if share == 1 else value * share


class StepSum:
    """Adds up the passes of a step; a single pass stays as it is."""

    def __init__(self) -> None:
        self._views: list[StepView] = []
        self.values: dict[str, Tensor] = {}

    def add(self, view: StepView, values: Mapping[str, Tensor], share: float) -> None:
        """Add a pass.

        Args:
            view: Records of its clips, without reconstructions; they are kept without their gradients' graph.
            values: Scalars, which are averaged over clips.
            share: Its share of the clips.
        """
        own = {name: weighted(value.detach(), share) for name, value in values.items()}
        self.values = {name: self.values[name] + value if self.values else value for name, value in own.items()}
        self._views.append(_detached(view))

    def view(self, inputs: Mapping[str, Features]) -> StepView:
        """Return the records of all clips.

        Args:
            inputs: Features of the whole batch, by modality.
        """
        first = self._views[0]
        if len(self._views) == 1:
            return first
        encoded = {m: _joined([each.encoded[m] for each in self._views]) for m in first.encoded}
        quantized = {m: _joined([each.quantized[m] for each in self._views]) for m in first.quantized}
        return attrs.evolve(first, inputs=inputs, encoded=encoded, quantized=quantized)


def _detached(view: StepView) -> StepView:
    """Return a view whose records do not keep the graph of the pass in memory."""
    return attrs.evolve(
        view,
        encoded={m: _joined([each]) for m, each in view.encoded.items()},
        quantized={m: _joined([each]) for m, each in view.quantized.items()},
    )


def _joined(records: Sequence[Record]) -> Record:
    """Join records along the axis of clips, without gradient."""
    fields = zip(*records, strict=True)
    joined = [None if field[0] is None else _concatenated(field).detach() for field in fields]
    return type(records[0])(*joined)  # type: ignore[arg-type]  # required fields are never None


def _concatenated(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))
