"""Hooks: functions that a run calls as it goes, for loggers and observers. They run on rank zero and change nothing."""

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
    """Every hook of a run, in the order in which they are called. An implementation takes only the arguments it needs.

    ``epoch`` counts from 0. ``step`` counts over the whole run.
    """

    @_spec
    def codaar_run_start(
        self, directory: Path, resolved: Mapping[str, Any], parameters: int, epoch: int, step: int
    ) -> None:
        """Everything is built and the run directory exists.

        ``step`` steps are done already and training goes on in ``epoch``: both are 0 unless the run is resumed. A
        logger drops what it recorded after that step. ``resolved`` is the recipe with every setting, ``parameters`` the
        number of trained values.
        """

    @_spec
    def codaar_epoch_start(self, epoch: int, epochs: int, steps: int) -> None:
        """An epoch of ``steps`` steps begins; the run has ``epochs`` of them."""

    @_spec
    def codaar_step_end(self, epoch: int, step: int, view: StepView) -> None:
        """Step ``step`` (from 0) is over: weights and codebooks are updated.

        Reading a value of ``view`` waits for the device. Its ``decoded`` is empty: reconstructions are freed by then.
        """

    @_spec
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """``step`` steps are done, a multiple of ``run.log_every``.

        ``values`` are the weighted loss terms (``LOSS.TERM``), their sum ``total``, ``grad_norm`` before clipping, the
        learning rate ``lr`` and the codebook statistics ``used.M``, ``perplexity.M`` and ``agreement.M-N``.
        """

    @_spec
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """An epoch is over and its checkpoint is written; loss terms in ``values`` are means over the epoch."""

    @_spec
    def codaar_checkpoint_saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete on disk."""

    @_spec
    def codaar_benchmark_start(self, benchmark: str, heads: int) -> None:
        """A benchmark begins; ``heads`` heads are to be trained."""

    @_spec
    def codaar_head_end(self, benchmark: str, train: str, seed: int) -> None:
        """The head of one seed, trained on modality ``train``, is trained and tested on every modality."""

    @_spec
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """A benchmark is over; ``results`` are its entries in results.json."""

    @_spec
    def codaar_report_sections(self, directory: Path) -> Sequence[tuple[str, str]]:
        """Return further sections of the report: (title, HTML)."""

    @_spec
    def codaar_report_written(self, directory: Path, path: Path) -> None:
        """results.json and the report ``path`` are complete on disk."""

    @_spec
    def codaar_run_end(self, directory: Path, status: str) -> None:
        """The run is over; ``status`` is "finished", "failed" or "interrupted"."""
