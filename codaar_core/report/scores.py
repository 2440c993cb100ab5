"""The scores of a run as HTML: headline numbers, one matrix a benchmark, the full list, the caveats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from codaar_core.report.numerals import difference, percent, present
from codaar_core.report.summary import BenchmarkScores, Score

BESIDE = {
    "chance": "chance",
    "constant": "best constant",
    "control": "unaligned control",
    "upper_bound": "upper bound",
    "published": "published",
}


def headlines(groups: Sequence[BenchmarkScores]) -> str:
    """Give the mean over the transfers without caveat, one card a benchmark."""
    cards = "".join(map(_card, groups))
    return cards and (
        "<p>Mean over the transfers without caveat. Marks on the bar: chance (grey) and the upper bound (green).</p>"
        f'<div class="headlines">{cards}</div>'
    )


def _card(group: BenchmarkScores) -> str:
    beside = "".join(
        f"<dt>{title}</dt><dd>{percent(group.mean(quantity))}</dd>"
        for quantity, title in BESIDE.items()
        if present(group.mean(quantity))
    )
    counted = f"{escape(group.metric)}, {len(group.counted)} of {len(group.headline)} transfers"
    number = f'<p class="number">{percent(group.mean("mean"))}<small> %</small></p>'
    title = f"<h3>{escape(group.name)}</h3>"
    return f"<article>{title}{number}<small>{counted}</small>{_gauge(group)}<dl>{beside}</dl></article>"


def _gauge(group: BenchmarkScores) -> str:
    """The mean as a bar between 0 and 100 percent, with a mark for chance and one for the upper bound."""
    score = group.mean("mean")
    if not present(score):
        return ""
    marks = "".join(_gauge_mark(group.mean(quantity), quantity) for quantity in ("chance", "upper_bound"))
    return f'<div class="gauge" aria-hidden="true"><i style="width:{_share(score)}"></i>{marks}</div>'


def _gauge_mark(value: float | None, quantity: str) -> str:
    return f'<b class="{quantity}" style="left:{_share(value)}"></b>' if present(value) else ""


def _share(value: float) -> str:
    return f"{100 * min(max(value, 0), 1):.1f}%"


def transfers(groups: Sequence[BenchmarkScores], marks: Mapping[str, int]) -> str:
    """Give, for each benchmark, the matrix of the first metric and the list of all scores."""
    tables = "".join(f"<h3>{escape(group.name)}</h3>{_matrix(group, marks)}{_list(group, marks)}" for group in groups)
    return tables and (
        "<p>A head is trained on the codes of one modality (rows) and tested, unchanged, on those of another "
        "(columns). The stronger the tint, the further above chance. Dashed: the upper bound, a head that was trained "
        "on the labels of the test modality itself. Best constant: the best score of an answer that ignores the input. "
        f"Means and standard deviations are over the seeds of the head.</p>{tables}"
    )


def _matrix(group: BenchmarkScores, marks: Mapping[str, int]) -> str:
    modalities = list(dict.fromkeys(name for score in group.headline for name in (score.train, score.test)))
    cells = {(score.train, score.test): score for score in group.headline}
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in modalities)
    rows = "".join(
        f'<tr><th scope="row">{escape(train)}</th>'
        + "".join(_cell(group, cells.get((train, test)), train, test, marks) for test in modalities)
        + "</tr>"
        for train in modalities
    )
    table = (
        f'<table class="matrix"><caption>{escape(group.metric)}, %</caption>'
        f"<thead><tr><td>train \\ test</td>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return _scrollable(table, f"{group.name}: matrix of transfers")


def _cell(group: BenchmarkScores, score: Score | None, train: str, test: str, marks: Mapping[str, int]) -> str:
    if score is not None:
        deviation = f"<small>± {percent(score.deviation)}</small>" if present(score.deviation) else ""
        return (
            f'<td style="--heat:{_heat(group, score):.2f}">{percent(score.mean)}{_mark(score, marks)}{deviation}</td>'
        )
    if train == test:
        return f'<td class="bound">{percent(group.upper_bound(test))}<small>upper bound</small></td>'
    return "<td></td>"


def _heat(group: BenchmarkScores, score: Score) -> float:
    """Where a score lies between its chance (0) and the best score of the table (1)."""
    best = max((each.mean for each in group.headline if present(each.mean)), default=0.0)
    chance = score.chance if present(score.chance) else 0.0
    if not present(score.mean) or best <= chance:
        return 0.0
    return max(score.mean - chance, 0.0) / (best - chance)


def _list(group: BenchmarkScores, marks: Mapping[str, int]) -> str:
    beside = [quantity for quantity in BESIDE if any(present(getattr(each, quantity)) for each in group.scores)]
    titles = ["mean ± std", *(title for quantity in beside for title in _titles(quantity))]
    head = "".join(f'<th scope="col">{title}</th>' for title in ["train → test", *titles])
    bodies = "".join(_metric_rows(group, metric, beside, marks, len(titles) + 1) for metric in group.metrics)
    return _scrollable(
        f'<table class="list"><thead><tr>{head}</tr></thead>{bodies}</table>', f"{group.name}: all scores in percent"
    )


def _titles(quantity: str) -> tuple[str, ...]:
    return (BESIDE[quantity], "gain over control") if quantity == "control" else (BESIDE[quantity],)


def _metric_rows(
    group: BenchmarkScores, metric: str, beside: Sequence[str], marks: Mapping[str, int], columns: int
) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(score.train)} → {escape(score.test)}{_mark(score, marks)}</th>'
        f'<td class="score" title="by head seed: {", ".join(map(percent, score.values))}">{_score(score)}</td>'
        f"{''.join(_beside(score, beside))}</tr>"
        for score in group.scores
        if score.metric == metric
    )
    title = f'<tr class="metric"><th scope="rowgroup" colspan="{columns}">{escape(metric)}, %</th></tr>'
    return f"<tbody>{title}{rows}</tbody>"


def _score(score: Score) -> str:
    deviation = f'<span class="spread"> ± {percent(score.deviation)}</span>' if present(score.deviation) else ""
    return percent(score.mean) + deviation


def _beside(score: Score, quantities: Sequence[str]) -> Iterator[str]:
    for quantity in quantities:
        yield f'<td class="aside">{percent(getattr(score, quantity))}</td>'
        if quantity == "control":
            yield f"<td>{difference(score.mean, score.control)}</td>"


def _mark(score: Score, marks: Mapping[str, int]) -> str:
    if not score.caveat:
        return ""
    number = marks[score.caveat]
    return f'<sup><a href="#caveat-{number}" aria-label="caveat {number}">{number}</a></sup>'


def _scrollable(table: str, label: str) -> str:
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'


def caveat_list(groups: Sequence[BenchmarkScores], marks: Mapping[str, int]) -> str:
    """Explain each caveat and name the transfers that carry it."""
    items = "".join(
        f'<li id="caveat-{number}">{escape(caveat)}<br><small>{_carriers(groups, caveat)}</small></li>'
        for caveat, number in marks.items()
    )
    return items and (
        "<p>Transfers with a caveat are measured like all others, but are left out of the headline means.</p>"
        f'<ol class="caveats">{items}</ol>'
    )


def _carriers(groups: Sequence[BenchmarkScores], caveat: str) -> str:
    carriers = {
        group.name: [f"{score.train} → {score.test}" for score in group.headline if score.caveat == caveat]
        for group in groups
    }
    return escape("; ".join(f"{name}: {', '.join(transfers)}" for name, transfers in carriers.items() if transfers))
