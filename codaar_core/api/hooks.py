"""Hooks: functions that a run calls, for loggers and observers. They run on rank zero and must not change state."""

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
    """Base class of hook components: define any of the functions of ``Specification`` and mark them with ``@hook``."""

    kind: ClassVar[str] = "hook"


class Specification:
    """Every hook of a run, in the order of the calls. An implementation declares only the arguments that it needs.

    ``epoch`` counts from 0. ``step`` counts over the whole run.
    """

    @_spec
    def codaar_run_start(
        self,
        directory: Path,
        resolved: Mapping[str, Any],
        parameters: int,
        codewords: int,
        epoch: int,
        step: int,
        finished: Sequence[Mapping[str, float]],
        logged: Sequence[Mapping[str, float]],
        curves: Sequence[Mapping[str, Any]],
        results: Sequence[Mapping[str, Any]],
    ) -> None:
        """All components are built and the run directory exists.

        ``step`` is the number of steps already done and ``epoch`` the epoch in which training continues; both are 0
        unless the run is resumed. A logger removes its records after that step. ``finished`` has the values of each
        finished epoch, with ``epoch`` (from 1) and ``step``: a run that was killed may have ended between the
        checkpoint of an epoch and ``codaar_epoch_end``, so a logger replaces its epochs by these. ``logged`` has the
        values of each logged step up to ``step``, with ``epoch`` (from 1) and ``step``, and ``curves`` the learning
        curves up to ``step``, as entries of results.json; both are empty where a finished model is evaluated.
        ``results`` are the entries of results.json if only the report is missing, otherwise empty.
        ``resolved`` is the recipe with every setting, ``parameters`` the number of parameters of the model,
        ``codewords`` that of codewords K of a codebook.
        """

    @_spec
    def codaar_epoch_start(self, epoch: int, epochs: int, steps: int) -> None:
        """An epoch of ``steps`` steps begins; the run has ``epochs`` epochs."""

    @_spec
    def codaar_step_end(self, epoch: int, step: int, view: StepView) -> None:
        """Step ``step`` (from 0) is finished: weights and codebooks are updated.

        Reading a value of ``view`` synchronises with the device. ``view.decoded`` is empty: reconstructions are freed
        before the gradient is computed. Its tensors carry no gradient graph. With ``device.cuda_graphs`` the next step
        writes over them: clone what is kept.
        """

    @_spec
    def codaar_step_logged(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """``step`` steps are done, a multiple of ``run.log_every``.

        ``values`` are the weighted loss terms (``LOSS.TERM``), their sum ``total``, ``grad_norm`` before clipping, the
        learning rate ``lr`` and the codebook statistics ``used.M``, ``perplexity.M`` and ``agreement.M-N``;
        with several codes a step, one of each level: ``used.M.level-0``.
        """

    @_spec
    def codaar_epoch_end(self, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """An epoch is finished and its checkpoint is written; loss terms in ``values`` are means over the epoch."""

    @_spec
    def codaar_checkpoint_saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete on disk."""

    @_spec
    def codaar_epoch_evaluated(self, epoch: int, step: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Benchmarks were evaluated during pretraining (``evaluate.every``), or at its end.

        Here, ``epoch`` is the number of finished epochs. ``results`` are entries of ``learning_curves`` in results.json
        with this point only. The hooks of benchmarks and heads below are called for the evaluation at the end only.
        """

    @_spec
    def codaar_benchmark_start(self, benchmark: str, heads: int) -> None:
        """A benchmark begins, in which ``heads`` heads are trained."""

    @_spec
    def codaar_head_end(self, benchmark: str, train: str, seed: int) -> None:
        """The head of one seed, trained on modality ``train``, is trained and tested on every modality."""

    @_spec
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """A benchmark is finished; ``results`` are its entries in results.json."""

    @_spec
    def codaar_report_sections(self, directory: Path) -> Sequence[tuple[str, str]]:
        """Return additional sections of the report as pairs (title, HTML)."""
        return ()

    @_spec
    def codaar_report_written(self, directory: Path, path: Path) -> None:
        """results.json and the report ``path`` are complete on disk."""

    @_spec
    def codaar_run_end(self, directory: Path, status: str) -> None:
        """The run has ended; ``status`` is "finished", "failed" or "interrupted"."""
