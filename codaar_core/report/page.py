"""The report of a run: one self-contained HTML file, readable in light and dark, on paper and on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from codaar_core.api.errors import CodaarError
from codaar_core.report import scores
from codaar_core.report.curves import panels
from codaar_core.report.numerals import duration, weight
from codaar_core.report.record import read
from codaar_core.report.summary import benchmarks, caveats, differences, remarks

MODES = {
    "strict": "official test splits, evaluation mode, nothing selected on test data",
    "as-published": "what the released code does, quirks and all; not comparable with strict numbers",
}


class Section(NamedTuple):
    """One section of the page; one without a body is left out."""

    title: str
    body: str  # HTML


def write(run_directory: Path, control: Path | None = None) -> Path:
    """Write ``report.html`` into a run directory; gives its path.

    Args:
        run_directory: A finished run.
        control: The run directory of a control, e.g. the same recipe without alignment, whose scores are put beside.

    Raises:
        CodaarError: A run has no readable results, or the report cannot be written.
    """
    page = render(read(run_directory), read(control) if control is not None else None)
    path = Path(run_directory) / "report.html"
    aside = path.with_name(".report.html.partial")
    try:
        aside.write_text(page, "utf-8")
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CodaarError(f"cannot write {path}: {error.strerror}", "make room, or make the folder writable") from error
    return path


def render(results: Mapping[str, Any], control: Mapping[str, Any] | None = None) -> str:
    """Make the whole page."""
    sections = [section for section in _sections(results, control) if section.body]
    return Template(_packaged("page.html")).substitute(
        title=f"{escape(results['name'])}: report",
        style=_packaged("style.css"),
        header=_header(results),
        contents="".join(f'<a href="#section-{i}">{escape(each.title)}</a>' for i, each in enumerate(sections)),
        sections="\n".join(_section(i, each) for i, each in enumerate(sections)),
        footer=f"Made from results.json of <code>{escape(str(results.get('directory', results['name'])))}</code>.",
    )


def _packaged(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _section(number: int, section: Section) -> str:
    return f'<section id="section-{number}"><h2>{escape(section.title)}</h2>\n{section.body}</section>'


def _sections(results: Mapping[str, Any], control: Mapping[str, Any] | None) -> Iterator[Section]:
    groups = benchmarks(results, control)
    marks = caveats(groups)
    yield Section("Headline", scores.headlines(groups) + _control_note(results, control))
    yield Section("Transfers", scores.transfers(groups, marks))
    yield Section("Caveats", scores.caveat_list(groups, marks) + _remarks(results))
    yield from _curves(results)
    yield Section("Alignment", _alignment(results.get("alignment") or ()))
    for title, body in results.get("sections") or ():
        yield Section(title, body)
    yield Section("Reproduce", _reproduce(results))


def _header(results: Mapping[str, Any]) -> str:
    mode = results["mode"]
    badge = f'<span class="mode">{escape(mode)}</span>'
    meaning = f'<p class="note">{escape(mode)}: {MODES[mode]}.</p>' if mode in MODES else ""
    return f'<h1>{escape(results["name"])}{badge}</h1>\n{meaning}<dl class="facts">{_definitions(_facts(results))}</dl>'


def _facts(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    seconds = results.get("seconds") or {}
    phases = ", ".join(f"{phase} {duration(value)}" for phase, value in seconds.items())
    yield "Data", results.get("data", "")
    yield "Modalities", _listed(results["modalities"])
    yield "Training", _listed(f"{results[key]:,} {key}" for key in ("epochs", "steps") if results.get(key) is not None)
    yield "Batch", str(results.get("batch", ""))
    yield "Run seed", str(results.get("run_seed", ""))
    yield "Head seeds", _listed(results.get("seeds", ()))
    yield "Parameters", f"{results['parameters']:,}" if results.get("parameters") is not None else ""
    yield "Device", _listed(results[key] for key in ("device", "dtype") if results.get(key))
    yield "Time", f"{duration(sum(seconds.values()))} ({phases})" if seconds else ""
    versions = results.get("versions") or {}
    yield "Versions", _listed(f"{name} {versions[name]}" for name in ("codaar-core", "torch") if name in versions)


def _listed(items: Any) -> str:
    return ", ".join(map(str, items))


def _control_note(results: Mapping[str, Any], control: Mapping[str, Any] | None) -> str:
    if control is None:
        return ""
    different = escape(_listed(differences(results, control)))
    warning = different and f" <strong>It differs in {different}: the comparison is not fair.</strong>"
    name = f"{escape(control['name'])}, <code>{escape(str(control.get('directory', '')))}</code>"
    return f'<p class="note">Unaligned control: {name}.{warning}</p>'


def _remarks(results: Mapping[str, Any]) -> str:
    return "".join(f'<p class="note">{escape(line)}.</p>' for line in remarks(results))


def _curves(results: Mapping[str, Any]) -> Iterator[Section]:
    curves = results.get("curves") or {}
    step, order = curves.get("step") or (), results["modalities"]
    if not step:
        return
    losses = panels(step, curves.get("losses") or {}, order)
    lead = "<p>Weighted terms over training steps; numbers are the last values.</p>"
    yield Section("Losses", losses and lead + losses)
    agreement = {f"agreement.{pair}": values for pair, values in (curves.get("agreement") or {}).items()}
    codebooks = panels(step, {**(curves.get("codebooks") or {}), **agreement}, order, log=False)
    lead = (
        "<p>Of each logged batch: codewords in use, their perplexity, and the share of time steps at which two "
        "modalities select the same index.</p>"
    )
    yield Section("Codebooks", codebooks and lead + codebooks)


def _alignment(steps: Sequence[Mapping[str, Any]]) -> str:
    """The closed form of the linear steps."""
    tables = "".join(map(_closed_form, steps))
    return tables and (
        "<p>The linear alignment steps in closed form: each row says what a modality's codebook takes from each.</p>"
        f'<div class="matrices">{tables}</div>'
    )


def _closed_form(step: Mapping[str, Any]) -> str:
    names = [escape(name) for name in step["modalities"]]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(map(_weight, row))}</tr>'
        for name, row in zip(names, step["matrix"], strict=True)
    )
    return (
        f'<div><h3>{escape(step["name"])}</h3><table class="matrix"><thead><tr><td>of \\ from</td>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _weight(value: float) -> str:
    return f'<td style="--heat:{value:.2f}">{weight(value)}</td>'


def _reproduce(results: Mapping[str, Any]) -> str:
    command, recipe = escape(results.get("command", "")), escape(results.get("recipe", ""))
    versions = _definitions((results.get("versions") or {}).items())
    parts = (
        command and f"<pre><code>{command}</code></pre>",
        recipe and f"<details><summary>The recipe</summary><pre><code>{recipe}</code></pre></details>",
        versions and f'<dl class="facts">{versions}</dl>',
    )
    return "".join(parts)


def _definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in pairs if value)
