"""What an observer may watch. Hooks read and change nothing; they run on rank zero, where the recipe says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pluggy

from codaar_core.api.component import Component

if TYPE_CHECKING:
    from codaar_core.api.records import StepView

PROJECT = "codaar"
hook = pluggy.HookimplMarker(PROJECT)
_spec = pluggy.HookspecMarker(PROJECT)


class RunHooks(Component):
    """Base of hook components: define any of the functions of ``Specification`` and mark them with ``@hook``."""

    kind: ClassVar[str] = "hook"


class Specification:
    """Every hook of a run, in order of time. Take only the arguments you need."""

    @_spec
    def codaar_run_start(self, directory: Path, resolved: Mapping[str, Any], parameters: int) -> None:
        """Everything is built, nothing is trained yet."""

    @_spec
    def codaar_epoch_start(self, epoch: int, epochs: int, steps: int) -> None:
        """An epoch of ``steps`` steps begins."""

    @_spec
    def codaar_step_end(self, epoch: int, step: int, view: StepView) -> None:
        """A step is over: weights and codebooks are updated.

        Reading a value of ``view`` waits for the device. It has no reconstructions any more: they are large.
        """

    @_spec
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Every ``run.log_every`` steps: weighted loss terms, ``total``, ``grad_norm``, statistics of the codebooks."""

    @_spec
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """An epoch is over; ``values`` are means of the terms and statistics of the codebooks."""

    @_spec
    def codaar_checkpoint_saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete on disk."""

    @_spec
    def codaar_benchmark_start(self, benchmark: str, heads: int) -> None:
        """A benchmark begins; ``heads`` heads are to be trained."""

    @_spec
    def codaar_head_end(self, benchmark: str, train: str, seed: int) -> None:
        """One head is trained and tested on every modality."""

    @_spec
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """A benchmark is over; ``results`` are its entries in results.json."""

    @_spec
    def codaar_report_sections(self, directory: Path) -> Sequence[tuple[str, str]]:
        """Give further sections of the report: (title, HTML)."""

    @_spec
    def codaar_run_end(self, directory: Path, status: str) -> None:
        """The run is over: finished, failed or interrupted."""
