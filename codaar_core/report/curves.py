"""Small multiples of a run's curves: one panel a quantity, one line a modality or pair, drawn as inline SVG.

Colours are CSS variables of the page, so that one drawing serves light and dark.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from codaar_core.report.numerals import present, significant

TITLES = {
    "used": "codewords in use",
    "perplexity": "perplexity",
    "agreement": "index agreement",
    "total": "total loss",
    "grad_norm": "gradient norm before clipping",
}
HUES = 7  # --series-1 ... in style.css
LOG_RANGE = 50  # a positive loss that changes more than so many times is drawn on a logarithmic scale
INK, LINE = "#000001", "#000002"  # stand for colours of the page until the drawing is made
PAGE_COLOURS = {
    INK: "var(--soft)",
    LINE: "var(--line)",
    **{f"#0001{hue:02x}": f"var(--series-{hue})" for hue in range(HUES + 1)},
}
METADATA = ("Date", "Creator", "Format", "Type")  # left out, so that equal curves give equal drawings
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.3,
}

Lines = Mapping[str, Sequence[float | None]]


def panels(step: Sequence[int], curves: Lines, order: Sequence[str], log: bool = True) -> str:
    """Draw curves named ``QUANTITY.LINE`` (or ``QUANTITY``), one panel a quantity.

    Args:
        step: The training steps at which the curves were logged.
        curves: One value a step by name; None where there is none.
        order: Names of lines that get the first colours, so that a modality looks the same in all panels.
        log: Whether a logarithmic scale may be used.
    """
    groups: dict[str, dict[str, Sequence[float | None]]] = {}
    for name, values in curves.items():
        quantity, _, line = name.partition(".")
        groups.setdefault(quantity, {})[line] = values
    colours = _colours([*order, *(line for lines in groups.values() for line in lines)])
    figures = (_figure(step, quantity, lines, colours, log) for quantity, lines in groups.items())
    return f'<div class="panels">{"".join(figures)}</div>' if groups else ""


def _colours(lines: Sequence[str]) -> dict[str, int]:
    """Number the hues; a quantity that is one line only has hue 0, the ink."""
    named = dict.fromkeys(line for line in lines if line)
    return {"": 0} | {line: position % HUES + 1 for position, line in enumerate(named)}


def _figure(step: Sequence[int], quantity: str, lines: Lines, colours: Mapping[str, int], log: bool) -> str:
    logarithmic = log and _spans_decades(lines)
    title = escape(TITLES.get(quantity, quantity))
    scale = ' <span class="scale">log scale</span>' if logarithmic else ""
    key = "".join(_key(line, values, colours[line]) for line, values in lines.items())
    drawing = _draw(step, quantity, lines, colours, logarithmic)
    label = escape(_describe(step, TITLES.get(quantity, quantity), lines))
    accessible = drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return f"<figure><figcaption><strong>{title}</strong>{scale}<br>{key}</figcaption>{accessible}</figure>"


def _key(line: str, values: Sequence[float | None], hue: int) -> str:
    swatch = f'<i style="background:var(--series-{hue})"></i>' if line else ""
    return f'<span class="key">{swatch}{escape(line)} <b>{significant(_last(values))}</b></span>'


def _describe(step: Sequence[int], title: str, lines: Lines) -> str:
    """What a reader who cannot see the panel should know."""
    courses = (
        f"{line or 'value'} from {significant(_last(values[::-1]))} to {significant(_last(values))}"
        for line, values in lines.items()
    )
    return f"{title}, steps {step[0]} to {step[-1]}: {'; '.join(courses)}"


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if present(value)), None)


def _spans_decades(lines: Lines) -> bool:
    numbers = [value for values in lines.values() for value in values if present(value)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) > LOG_RANGE * min(numbers)


def _draw(step: Sequence[int], quantity: str, lines: Lines, colours: Mapping[str, int], logarithmic: bool) -> str:
    from matplotlib.figure import Figure
    from matplotlib.style import context

    out = io.StringIO()
    with context(["default", {**STYLE, "svg.hashsalt": quantity}]):
        figure = Figure(figsize=(3.6, 1.9))
        axes = figure.add_axes((0.12, 0.12, 0.87, 0.84))
        for line, values in lines.items():
            numbers = [value if present(value) else math.nan for value in values]
            axes.plot(step, numbers, color=f"#0001{colours[line]:02x}", marker="o" if len(step) == 1 else "")
        _scale(axes, logarithmic)
        figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(METADATA))
    return _inline(out.getvalue())


def _scale(axes: Any, logarithmic: bool) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    axes.set_xmargin(0.01)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: significant(value))


def _inline(svg: str) -> str:
    """Make a drawing fit to stand inside a page: no prologue, styles, fixed size or identifiers of groups."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<svg .*?(viewBox=\"[^\"]*\").*?>", r"<svg \1>", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"font(-size|-family)?: [^;\"]*;? ?", "", svg)
    svg = re.sub(r' d="[^"]*"', _shortened, svg).replace("xlink:href", "href")
    for stand_in, colour in PAGE_COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()


def _shortened(path: re.Match[str]) -> str:
    """A tenth of a point is finer than any screen."""
    numbers = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}", path[0])
    return numbers.replace("\n", " ")
