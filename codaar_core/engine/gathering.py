"""Puts the results of a finished run or evaluation together."""

from __future__ import annotations

from typing import Any

import attrs

from codaar_core.engine.assembly.build import closed_forms
from codaar_core.engine.evaluation.code_records import codeword_distances
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import Evaluation
from codaar_core.engine.record.journal import read_events
from codaar_core.engine.record.lock import versions
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.results import Alignment, Curves, Pretraining, Results, Section, SeenOverlap
from codaar_core.engine.training.session import Session

STATISTICS = ("used.", "perplexity.")
AGREEMENT = "agreement."
CURVE_POINTS = 300


@attrs.frozen(kw_only=True)
class Pretrained:
    """The pretraining of the model that was evaluated.

    Attributes:
        directory: The run directory or model folder whose events are the curves.
        data: Origin of its data.
        steps: Number of its steps.
        cost: Its time, its memory and its last epoch.
        origin: Where imported weights come from; empty for others.
        model: What was evaluated, if this was not pretrained in the same run.
    """

    directory: RunDirectory
    data: str
    steps: int
    cost: Pretraining
    origin: str = ""
    model: str = ""


def gather(
    session: Session, pretrained: Pretrained, evaluation: Evaluation, overlap: SeenClips, seconds: dict[str, float]
) -> Results:
    """Return the results of a model that has just been evaluated.

    Args:
        session: The run or evaluation.
        pretrained: The pretraining of its model.
        evaluation: What its benchmarks measured.
        overlap: Counts of clips seen before, and notes on data files.
        seconds: Wall time of each phase.
    """
    plan, quantizer = session.plan, session.model.quantizer
    return Results(
        name=plan.run.name,
        mode=plan.evaluate.mode,
        data=pretrained.data,
        modalities=tuple(plan.modalities),
        run_seed=plan.run.seed,
        seeds=tuple(plan.evaluate.seeds),
        epochs=plan.run.epochs,
        steps=pretrained.steps,
        batch=plan.batch,
        pretraining=pretrained.cost,
        seconds={phase: round(value, 1) for phase, value in seconds.items()},
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        device=str(session.runtime.device),
        dtype=plan.device.dtype,
        versions=versions(plan),
        command=session.command,
        recipe=plan.source.read_text("utf-8"),
        directory=str(session.directory.path),
        origin=pretrained.origin,
        model=pretrained.model,
        alignment=tuple(map(_alignment, closed_forms(session.model))),
        curves=curves(thinned(read_events(pretrained.directory))),
        transfers=evaluation.transfers,
        codes=evaluation.codes,
        codewords=codeword_distances(quantizer.codebooks(), quantizer.levels),
        overlap=tuple(SeenOverlap(**counted) for counted in overlap.record()),
        notes=tuple(overlap.notes),
        sections=tuple(_sections(session)),
    )


def thinned(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most about ``CURVE_POINTS`` events, evenly spread, the last one included: a report stays small."""
    stride = max(1, len(events) // CURVE_POINTS)
    return events[::-1][::stride][::-1]


def curves(events: list[dict[str, Any]]) -> Curves:
    """Turn the journal into one list for each quantity."""
    names = list(events[0]) if events else []
    series: dict[str, tuple[Any, ...]] = {
        name: tuple(event.get(name) for event in events) for name in names if name != "epoch"
    }
    step = series.pop("step", ())
    codebooks = {name: series.pop(name) for name in names if name.startswith(STATISTICS)}
    agreement = {name.removeprefix(AGREEMENT): series.pop(name) for name in names if name.startswith(AGREEMENT)}
    return Curves(step=step, losses=series, codebooks=codebooks, agreement=agreement)


def _alignment(form: dict[str, Any]) -> Alignment:
    matrix = tuple(map(tuple, form["matrix"]))
    return Alignment(name=form["name"], modalities=tuple(form["modalities"]), matrix=matrix)


def _sections(session: Session) -> list[Section]:
    given = session.hook.codaar_report_sections(directory=session.directory.path)
    return [Section(title=title, html=html) for sections in given for title, html in sections]
