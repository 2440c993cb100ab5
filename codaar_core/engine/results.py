"""results.json: all that reports are made from."""

from __future__ import annotations

from typing import Any

from codaar_core.api import DataSource
from codaar_core.engine.assembly.build import closed_forms
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.record.journal import read_events
from codaar_core.engine.record.lock import command, versions
from codaar_core.engine.training.session import Session

STATISTICS = ("used.", "perplexity.")
AGREEMENT = "agreement."
CURVE_POINTS = 300


def results(
    session: Session,
    data: DataSource,
    steps: int,
    pretraining: dict[str, Any],
    transfers: list[dict[str, Any]],
    overlap: SeenClips,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Gather the record of a finished run."""
    plan, events = session.plan, read_events(session.directory)
    return {
        "format": 1,
        "name": plan.run.name,
        "status": "finished",
        "mode": plan.evaluate.mode,
        "data": data.origin,
        "modalities": list(plan.modalities),
        "run_seed": plan.run.seed,
        "seeds": list(plan.evaluate.seeds),
        "epochs": plan.run.epochs,
        "steps": steps,
        "pretraining": pretraining,
        "seconds": {phase: round(value, 1) for phase, value in seconds.items()},
        "parameters": sum(parameter.numel() for parameter in session.model.parameters()),
        "device": str(session.runtime.device),
        "dtype": plan.device.dtype,
        "versions": versions(plan),
        "command": command(plan),
        "recipe": plan.source.read_text("utf-8"),
        "directory": str(session.directory.path),
        "alignment": closed_forms(session.model),
        "curves": curves(thinned(events)),
        "transfers": transfers,
        "overlap": overlap.record(),
        "notes": overlap.notes,
        "sections": [section for part in _sections(session) for section in part],
    }


def thinned(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most about ``CURVE_POINTS`` events, evenly spread, the last one included: a report stays small."""
    stride = max(1, len(events) // CURVE_POINTS)
    return events[::-1][::stride][::-1]


def curves(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Turn the journal into one list a quantity."""
    names = list(events[0]) if events else []
    series = {name: [event.get(name) for event in events] for name in names if name != "epoch"}
    step = series.pop("step", [])
    codebooks = {name: series.pop(name) for name in names if name.startswith(STATISTICS)}
    agreement = {name.removeprefix(AGREEMENT): series.pop(name) for name in names if name.startswith(AGREEMENT)}
    return {"step": step, "losses": series, "codebooks": codebooks, "agreement": agreement}


def _sections(session: Session) -> list[list[list[str]]]:
    return [
        [[title, html] for title, html in sections]
        for sections in session.hook.codaar_report_sections(directory=session.directory.path)
    ]
