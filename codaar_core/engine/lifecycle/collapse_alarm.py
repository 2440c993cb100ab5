"""Warns when codebooks collapse in pretraining."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codaar_core.api import Quantizer, hook
from codaar_core.engine.record.journal import append_event, epoch_row, insert_events
from codaar_core.engine.results.collapse import collapse_line, collapsed_codebooks


class CollapseAlarm:
    """A hook implementation that warns, on the terminal and in events.jsonl, of codebooks that have just collapsed.

    Warnings follow from the metrics of the epochs, so that a resumed run has those of an uninterrupted one.
    """

    def __init__(self, quantizer: Quantizer) -> None:
        self.quantizer = quantizer

    @hook
    def codaar_run_start(self, directory: Path, finished: Sequence[Mapping[str, float]]) -> None:
        """Write the warnings of finished epochs again: the journal keeps logged steps only."""
        self.directory = directory
        self.epochs: list[Mapping[str, float]] = []
        insert_events(directory, [event for row in finished if (event := self._judge(row))])

    @hook
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Warn of codebooks that were in use in the epoch before."""
        if event := self._judge(epoch_row(epoch, step, values)):
            append_event(self.directory, event)
            warnings.warn(event["warning"], stacklevel=1)  # the caller is pluggy

    def _judge(self, row: Mapping[str, float]) -> dict[str, Any] | None:
        """Add the row of an epoch, and return the warning of codebooks that had not collapsed before it."""
        before = collapsed_codebooks(self.epochs, self.quantizer.level_size)
        self.epochs.append(row)
        found = collapsed_codebooks(self.epochs, self.quantizer.level_size)
        line = collapse_line({m: numbers for m, numbers in found.items() if m not in before}, self.quantizer)
        warning = f"collapsed codebook: epoch {row['epoch']}, {line}"
        return {"step": row["step"], "epoch": row["epoch"], "warning": warning} if line else None
