"""Puts the results of a finished run together."""

from __future__ import annotations

from typing import Any

from codaar_core.api import DataSource
from codaar_core.engine.assembly.build import closed_forms
from codaar_core.engine.evaluation.code_records import codeword_distances
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import Evaluation
from codaar_core.engine.record.journal import read_events
from codaar_core.engine.record.lock import command, versions
from codaar_core.engine.results import Alignment, Curves, Pretraining, Results, Section, SeenOverlap
from codaar_core.engine.training.session import Session

STATISTICS = ("used.", "perplexity.")
AGREEMENT = "agreement."
CURVE_POINTS = 300


def gather(
    session: Session,
    data: DataSource,
    steps: int,
    pretraining: Pretraining,
    evaluation: Evaluation,
    overlap: SeenClips,
    seconds: dict[str, float],
) -> Results:
    """The results of a run that has just been evaluated."""
    plan = session.plan
    return Results(
        name=plan.run.name,
        mode=plan.evaluate.mode,
        data=data.origin,
        modalities=tuple(plan.modalities),
        run_seed=plan.run.seed,
        seeds=tuple(plan.evaluate.seeds),
        epochs=plan.run.epochs,
        steps=steps,
        batch=plan.batch,
        pretraining=pretraining,
        seconds={phase: round(value, 1) for phase, value in seconds.items()},
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        device=str(session.runtime.device),
        dtype=plan.device.dtype,
        versions=versions(plan),
        command=command(plan),
        recipe=plan.source.read_text("utf-8"),
        directory=str(session.directory.path),
        alignment=tuple(map(_alignment, closed_forms(session.model))),
        curves=curves(thinned(read_events(session.directory))),
        transfers=evaluation.transfers,
        codes=evaluation.codes,
        codewords=codeword_distances(session.model.quantizer.codebooks()),
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
