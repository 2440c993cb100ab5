"""The files for readers of an exported model, from its manifest and its results."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from codaar_core.engine.exported.manifest import Manifest
from codaar_core.engine.results import Results
from codaar_core.report.benchmark_scores import by_benchmark, metric_label
from codaar_core.report.card.front_matter import front_matter
from codaar_core.report.card.markdown import code_block, escaped, inline_code, plain_text, yaml
from codaar_core.report.codes import code_lines, collapses
from codaar_core.report.numerals import amount, present, spread
from codaar_core.report.page import MODES
from codaar_core.report.remarks import carriers, caveats, remarks

if TYPE_CHECKING:
    from jinja2 import Environment

CARD = "README.md"
NOTE = "LICENSE"


def describe_model(manifest: Manifest, results: Results | None) -> dict[str, str]:
    """The model card and the note about licences, by file name.

    Args:
        manifest: What the model is.
        results: Scores of its weights; None if there are none.
    """
    known = {
        "manifest": manifest,
        "results": results,
        "benchmarks": by_benchmark(results) if results else [],
        "limits": list(_limits(manifest, results)),
        "code_lines": code_lines(results) if results else [],
        "meaning": MODES.get(results.mode, "") if results else "",
        "example": _example(manifest),
    }
    card = _environment().get_template("card.md").render(known)
    note = _environment().get_template("licence.md").render(known)
    return {CARD: f"---\n{yaml(front_matter(manifest, results))}\n---\n\n{card.strip()}\n", NOTE: f"{note.strip()}\n"}


def _example(manifest: Manifest) -> str:
    """Python code that opens the model from inside its folder, and encodes one random clip."""
    modality, space = next(iter(manifest.features.items()))
    shape = ", ".join(map(str, (1, space.length or 10, *space.shape)))
    plugins = f", plugins={list(manifest.components)!r}" if manifest.components else ""
    found = "one codeword" if manifest.levels == 1 else f"{manifest.levels} codewords"
    return (
        "import torch\n\nimport codaar_core\n\n"
        f'model = codaar_core.open_model("."{plugins})  # the path of this folder\n'
        f"clips = torch.randn({shape})  # features: clips, time steps, shape of a step\n"
        f'codes = model.encode({{"{modality}": clips}})["{modality}"]\n'
        f"print(codes.indices.shape)  # {found} for each clip and time step\n"
    )


def _limits(manifest: Manifest, results: Results | None) -> Iterator[str]:
    """What the scores do not say, one sentence each."""
    if any(space.extraction for space in manifest.features.values()):
        yield "It takes features of the extractors above; those of another extractor give meaningless codes."
    if manifest.best:
        yield f"The weights were selected by the lowest {manifest.best} of an epoch, not by a benchmark."
    if results is None:
        yield "There are no scores of these weights."
        return
    yield "Each score is that of one benchmark on its own test clips. Nothing else was measured."
    if results.run_seed is not None:
        yield (
            f"All scores are of one pretraining, with seed {results.run_seed}. A deviation is that of heads trained "
            "with different seeds, so it does not contain the deviation between pretrainings."
        )
    for caveat in caveats(results.transfers):
        yield f"Caveat (†): {caveat} ({carriers(results, caveat)})."
    yield from (f"{line[:1].upper()}{line[1:]}." for line in (*collapses(results), *remarks(results)))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("codaar_core.report"),
        autoescape=False,  # HTML is not the target: every value is escaped for Markdown by `finalize`
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"block": code_block, "code": inline_code, "plain": plain_text}
    environment.globals |= {
        "amount": amount,
        "metric_label": metric_label,
        "present": present,
        "spread": spread,
    }
    return environment
