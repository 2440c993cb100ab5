"""Small multiples of a run's curves: one panel for each quantity, one line for each modality or pair.

This module computes positions in the drawing; templates/panels.html draws them as inline SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from codaar_core.engine.results import Curves, LearningCurve, Pretraining
from codaar_core.report.axes import Axis, Tick, linear_axis, log_axis
from codaar_core.report.numerals import PERCENT, present, significant

TITLES = {
    "used": "codewords in use",
    "perplexity": "perplexity",
    "agreement": "index agreement",
    "total": "total loss",
    "grad_norm": "gradient norm before clipping",
    "lr": "learning rate",
}
EPOCH = "epoch_"  # prefix of measures over all batches of an epoch
NOTE = "numbers: the whole last epoch"
HUES = 7  # --series-1 ... in style.css
LOG_RANGE = 50  # a positive quantity whose largest value is more than so many times its smallest gets a log scale
WIDTH, HEIGHT = 280, 150  # of a drawing, in user units
LEFT, RIGHT, TOP, BOTTOM = 38, 270, 6, 130  # of the area of the lines

Lines = Mapping[str, Sequence[float | None]]
Point = tuple[float, float]


@attrs.frozen(kw_only=True)
class Line:
    """One curve; a value that is missing interrupts it."""

    name: str  # empty where the quantity is one line only
    hue: int  # 0 for the colour of words
    last: str  # the last value
    paths: Sequence[str]  # points of polylines: "x,y x,y"
    dots: Sequence[Point]  # single values between missing ones


@attrs.frozen(kw_only=True)
class Panel:
    """One quantity over the training steps."""

    title: str
    description: str  # for readers who cannot see the panel
    logarithmic: bool
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    note: str = ""  # what the numbers are, if not the last values


def loss_panels(curves: Curves, order: Sequence[str]) -> list[Panel]:
    """Panels of the losses; see ``panels``."""
    return panels(curves.step, curves.losses, order)


def codebook_panels(curves: Curves, order: Sequence[str], took: Pretraining) -> list[Panel]:
    """Panels of codeword use, perplexity and index agreement; see ``panels``.

    Args:
        curves: Logged quantities.
        order: Names of lines that get the first colours.
        took: The end of pretraining; its measures of the whole last epoch replace those of the last batch as numbers.
    """
    agreement = {f"agreement.{pair}": values for pair, values in curves.agreement.items()}
    found = panels(curves.step, {**curves.codebooks, **agreement}, order, log=False)
    return [_of_epoch(panel, took) for panel in found]


def _of_epoch(panel: Panel, took: Pretraining) -> Panel:
    """The panel with the numbers of the whole last epoch, where the run has them; codewords in use are "of K"."""
    quantity = next((name for name, title in TITLES.items() if title == panel.title), "")
    of = f" of {took.codewords:,}" if quantity == "used" and took.codewords else ""
    numbers = {line.name: took.last_epoch.get(f"{EPOCH}{quantity}.{line.name}") for line in panel.lines}
    if not all(map(present, numbers.values())):
        return panel
    lines = [attrs.evolve(line, last=f"{significant(numbers[line.name])}{of}") for line in panel.lines]
    return attrs.evolve(panel, lines=lines, note=NOTE)


def transfer_panels(curves: Sequence[LearningCurve]) -> list[Panel]:
    """Panels of the first metric of each benchmark over the epochs of pretraining, one line for each transfer.

    Lines are means over the head seeds; fractions are shown in %.
    """
    groups: dict[str, list[LearningCurve]] = {}
    for curve in curves:
        if curve.headline:
            groups.setdefault(curve.benchmark, []).append(curve)
    return [_transfer_panel(name, group) for name, group in groups.items()]


def _transfer_panel(benchmark: str, curves: Sequence[LearningCurve]) -> Panel:
    first = curves[0]
    epochs = sorted({epoch for curve in curves for epoch in curve.epoch})
    scale = 100 if first.unit == PERCENT else 1
    lines = {
        f"{curve.train} → {curve.test}{' †' if curve.caveat else ''}": [
            None if value is None else scale * value
            for value in map(dict(zip(curve.epoch, curve.means, strict=True)).get, epochs)
        ]
        for curve in curves
    }
    unit = f", {first.unit}" if first.unit else ""
    title = f"{benchmark}: {first.metric}{unit}{'' if first.higher_is_better else ', lower is better'}"
    return _panel(epochs, title, lines, _hues(lines), log=False, over="epochs")


def panels(step: Sequence[int], curves: Lines, order: Sequence[str], log: bool = True) -> list[Panel]:
    """Lay out curves named ``QUANTITY.LINE`` (or ``QUANTITY``), one panel for each quantity.

    Args:
        step: The training steps at which the curves were logged.
        curves: One value for each step by name; None where there is none.
        order: Names of lines that get the first colours, so that a modality looks the same in all panels.
        log: Whether a logarithmic scale may be used.
    """
    groups: dict[str, dict[str, Sequence[float | None]]] = {}
    for name, values in curves.items():
        quantity, _, line = name.partition(".")
        groups.setdefault(quantity, {})[line] = values
    hues = _hues([*order, *(line for lines in groups.values() for line in lines)])
    return [_panel(step, TITLES.get(name, name), lines, hues, log) for name, lines in groups.items()] if step else []


def _hues(lines: Iterable[str]) -> dict[str, int]:
    named = dict.fromkeys(line for line in lines if line)
    return {"": 0} | {line: position % HUES + 1 for position, line in enumerate(named)}


def _panel(
    step: Sequence[int], title: str, lines: Lines, hues: Mapping[str, int], log: bool, over: str = "steps"
) -> Panel:
    numbers = [value for values in lines.values() for value in values if present(value)]
    logarithmic = log and _spans_decades(numbers)
    x = linear_axis(step[0], step[-1], LEFT, RIGHT, whole=True)
    y = (log_axis if logarithmic else linear_axis)(min(numbers, default=0), max(numbers, default=1), BOTTOM, TOP)
    return Panel(
        title=title,
        description=_describe(step, title, lines, over),
        logarithmic=logarithmic,
        lines=[_line(name, hues[name], step, values, x, y) for name, values in lines.items()],
        x_ticks=x.ticks,
        y_ticks=y.ticks,
    )


def _spans_decades(numbers: Sequence[float]) -> bool:
    return bool(numbers) and min(numbers) > 0 and max(numbers) > LOG_RANGE * min(numbers)


def _line(name: str, hue: int, step: Sequence[int], values: Sequence[float | None], x: Axis, y: Axis) -> Line:
    runs = list(_unbroken(step, values, x.position, y.position))
    return Line(
        name=name,
        hue=hue,
        last=significant(_last(values)),
        paths=[" ".join(f"{across:.1f},{up:.1f}" for across, up in run) for run in runs if len(run) > 1],
        dots=[run[0] for run in runs if len(run) == 1],
    )


def _unbroken(
    step: Sequence[int],
    values: Sequence[float | None],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> Iterator[list[Point]]:
    """Positions of neighbouring values, up to the next missing one."""
    run: list[Point] = []
    for at, value in zip(step, values, strict=False):
        if present(value):
            run.append((across(at), up(value)))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _describe(step: Sequence[int], title: str, lines: Lines, over: str) -> str:
    courses = (
        f"{line or 'value'} from {significant(_last(values[::-1]))} to {significant(_last(values))}"
        for line, values in lines.items()
    )
    return f"{title}, {over} {step[0]} to {step[-1]}: {'; '.join(courses)}"


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if present(value)), None)
