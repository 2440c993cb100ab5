"""The report of a run: one self-contained HTML file, readable in light and dark, on paper and on a phone."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.engine.record.run_directory import EVALUATIONS
from codaar_core.engine.results import Results
from codaar_core.features.files import write_whole
from codaar_core.report.benchmark_scores import BESIDE, by_benchmark, metric_label
from codaar_core.report.codes import collapses, distance_ratio, is_collapsed, is_no_better_than_constant, titled
from codaar_core.report.curves import HEIGHT, LEFT, RIGHT, WIDTH, codebook_panels, loss_panels, transfer_panels
from codaar_core.report.numerals import (
    PERCENT,
    amount,
    duration,
    percent,
    present,
    score_and_chance,
    signed,
    significant,
    weight,
)
from codaar_core.report.record import read
from codaar_core.report.remarks import carriers, caveats, differences, remarks
from codaar_core.report.runs import Run, list_evaluations

if TYPE_CHECKING:
    from jinja2 import Environment

MODES = {
    "strict": "official test splits, models in evaluation mode, nothing selected on test data",
    "as-published": "repeats what the released code does, including its deviations; not comparable with strict numbers",
}
REPORT, ATLAS = "report.html", "atlas.html"


@attrs.frozen
class PageSection:
    """A section of the page: its heading, its template, and what only this section shows."""

    title: str
    template: str
    content: Any = None


def write(run_directory: Path, control: Path | None = None) -> Path:
    """Write ``report.html`` into a run directory; gives its path.

    Args:
        run_directory: A finished run.
        control: The run directory of a control, e.g. the same recipe without alignment, whose scores are put beside.

    Raises:
        CodaarError: A run has no readable results, or the report cannot be written.
    """
    run = Path(run_directory)
    other = read(control) if control is not None else None
    page = render(read(run), other, list_evaluations(run), (run / ATLAS).is_file())
    path = run / REPORT
    write_whole(path, page, "make room, or make the folder writable")
    if run.parent.name == EVALUATIONS:
        update_list(run.parent.parent)
    return path


def update_list(run: Path) -> None:
    """Write the report of a run again, if it has one, after an evaluation of its model has ended.

    A report that cannot be written stays as it is, which is warned of: the evaluation does not depend on it.
    """
    if not (run / REPORT).is_file():
        return
    try:
        write(run)
    except CodaarError as error:
        warnings.warn(f"the report of {run} does not list the new evaluation: {error.message}", stacklevel=2)


def render(
    results: Results, control: Results | None = None, evaluations: Sequence[Run] = (), has_atlas: bool = False
) -> str:
    """Make the whole page; every string of ``results`` is escaped, HTML of hooks is put into sandboxed frames.

    Args:
        results: The results of the run.
        control: Those of a control.
        evaluations: Later evaluations of the model, newest first; each links to its own report.
        has_atlas: Whether the page of `codaar atlas` is beside the report, which then links to it.
    """
    return (
        _environment()
        .get_template("page.html")
        .render(
            results=results,
            control=control,
            different=differences(results, control) if control else [],
            atlas=ATLAS if has_atlas else "",
            meaning=MODES.get(results.mode, ""),
            facts=[(name, value) for name, value in _facts(results) if value],
            benchmarks=by_benchmark(results, control),
            marks=caveats(results.transfers),
            remarks=remarks(results),
            collapses=collapses(results),
            sections=list(_sections(results, evaluations)),
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not needed by `codaar list runs`

    loader = PackageLoader("codaar_core.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "amount": amount,
        "beside_titles": BESIDE,
        "carriers": carriers,
        "distance_ratio": distance_ratio,
        "drawing": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT},
        "is_collapsed": is_collapsed,
        "is_no_better_than_constant": is_no_better_than_constant,
        "metric_label": metric_label,
        "percent": percent,
        "percent_unit": PERCENT,
        "present": present,
        "score_and_chance": score_and_chance,
        "signed": signed,
        "significant": significant,
        "titled": titled,
        "weight": weight,
    }
    return environment


def _sections(results: Results, evaluations: Sequence[Run]) -> Iterator[PageSection]:
    """The sections that have something to show, in their order."""
    if evaluations:
        yield PageSection("Evaluations", "evaluations.html", evaluations)
    if results.transfers:
        yield PageSection("Headline", "headline.html")
        yield PageSection("Transfers", "transfers.html")
    if learning_curves := transfer_panels(results.learning_curves):
        yield PageSection("Learning curves", "learning_curves.html", learning_curves)
    if results.codes or results.codewords:
        yield PageSection("Codes", "codes.html")
    if any(score.caveat for score in results.transfers) or remarks(results):
        yield PageSection("Caveats", "caveats.html")
    if losses := loss_panels(results.curves, results.modalities):
        yield PageSection("Losses", "losses.html", losses)
    if codebooks := codebook_panels(results.curves, results.modalities, results.pretraining):
        yield PageSection("Codebooks", "codebooks.html", codebooks)
    if results.alignment:
        yield PageSection("Alignment", "alignment.html")
    for section in results.sections:
        yield PageSection(section.title, "frame.html", section.html)
    if results.command or results.recipe or results.versions:
        yield PageSection("Reproduce", "reproduce.html")


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    """What the head of the page says of the run; empty where it is unknown."""
    lengths = {"epoch": results.epochs, "step": results.steps}
    yield "Data", results.data
    yield "Modalities", _listed(results.modalities)
    trained = _listed(_counted(count, name) for name, count in lengths.items() if count is not None)
    yield "Training", results.origin or trained
    yield "Model", results.model
    yield "Pretraining of", results.pretraining.run
    yield "Batch", _counted(results.batch, "clip") if results.batch is not None else ""
    yield "Run seed", str(results.run_seed) if results.run_seed is not None else ""
    yield "Head seeds", _listed(results.seeds)
    yield "Parameters", f"{results.parameters:,}" if results.parameters is not None else ""
    yield "Device", _listed(filter(None, (results.device, results.dtype)))
    yield "Time", _time(results)
    yield "Versions", _listed(f"{name} {results.versions[name]}" for name in _main_packages(results))


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' if count != 1 else ''}"


def _time(results: Results) -> str:
    if not results.seconds:
        return ""
    phases = _listed(f"{phase} {duration(value)}" for phase, value in results.seconds.items())
    return f"{duration(sum(results.seconds.values()))} ({phases})"


def _main_packages(results: Results) -> list[str]:
    return [name for name in ("codaar-core", "torch") if name in results.versions]


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
