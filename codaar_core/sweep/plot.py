"""The columns of a sweep as curves over a numeric setting: positions in the drawing, for the templates of the page."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine.record.settings_paths import flattened
from codaar_core.recipe.sweep import PRETRAINING, Arm, Sweep
from codaar_core.report.axes import Axis, Tick, linear_axis, log_axis
from codaar_core.report.curves import BOTTOM, HUES, LEFT, LOG_RANGE, RIGHT, TOP, Point
from codaar_core.report.numerals import significant
from codaar_core.sweep.running import Measured
from codaar_core.sweep.table import numbers, score

DASHES = ("none", "7 3", "2 3", "9 3 2 3")  # lines differ by these too, for readers who cannot tell the colours apart
APART = 30  # user units between labels of the horizontal axis


@attrs.frozen(kw_only=True)
class Key:
    """Name and look of a line."""

    name: str  # empty where there is one line only
    hue: int  # of --series-1 ... in colours.css; 0 for the colour of words
    dash: str


@attrs.frozen(kw_only=True)
class PlotLine:
    """One line of a panel, in user units."""

    key: Key
    path: str  # "x,y x,y"
    band: str  # outline of mean ± standard deviation; empty where every arm has one run
    dots: Sequence[Point]
    published: Sequence[Point]


@attrs.frozen(kw_only=True)
class PlotPanel:
    """A column of the table over the setting."""

    title: str
    description: str  # for readers who cannot see it
    lines: Sequence[PlotLine]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]


@attrs.frozen(kw_only=True)
class Plot:
    """All panels of a sweep."""

    setting: str
    keys: Sequence[Key]
    panels: Sequence[PlotPanel]

    @property
    def has_published(self) -> bool:
        """Whether published values are drawn."""
        return any(line.published for panel in self.panels for line in panel.lines)

    @property
    def has_bands(self) -> bool:
        """Whether standard deviations are drawn."""
        return any(line.band for panel in self.panels for line in panel.lines)


@attrs.frozen
class _Value:
    """What is drawn at one value of the setting."""

    at: float
    mean: float | None
    deviation: float  # 0 of a single run
    published: float | None

    @property
    def ends(self) -> Iterator[float]:
        """The numbers that the vertical axis must contain."""
        if self.mean is not None:
            yield from (self.mean - self.deviation, self.mean + self.deviation)
        if self.published is not None:
            yield self.published


def plot(sweep: Sweep, measured: Sequence[Measured]) -> Plot:
    """Lay out one panel per column that has a number, over the setting that ``sweep.plot`` of the recipe names.

    Arms are the points of lines: the name of an arm up to its last hyphen is that of its line.

    Args:
        sweep: The sweep.
        measured: Its runs; none: only errors are found.

    Raises:
        CodaarError: No setting is given, or it is not a number in every arm.
    """
    path = sweep.plot or _no_setting(sweep)
    at = {arm.name: _number(arm, path) for arm in sweep.arms}
    keys = _keys(sweep)
    panels = [
        panel
        for number, (heading, column) in enumerate(sweep.columns.items())
        if (panel := _panel(_title(heading, column, measured), keys, _values(sweep, measured, at, number))) is not None
    ]
    return Plot(setting=path, keys=[key for key in keys.values() if key.name], panels=panels)


def _no_setting(sweep: Sweep) -> str:
    """Raise that no setting is given, and name those that could be."""
    settings = [_settings(arm) for arm in sweep.arms]
    paths = [path for path in settings[0] if len({str(each.get(path)) for each in settings}) > 1]
    fitting = [path for path in paths if all(_is_number(each.get(path)) for each in settings)]
    others = f"; others that differ: {', '.join(fitting[1:])}" if len(fitting) > 1 else ""
    help = f"give `-o sweep.plot={fitting[0]}`{others}" if fitting else "no numeric setting differs between the arms"
    raise CodaarError('a plot needs the setting of its horizontal axis: [sweep] has no "plot"', help)


def _settings(arm: Arm) -> dict[str, Any]:
    return dict(flattened(arm.plans[0].resolved))


def _number(arm: Arm, path: str) -> float:
    value = _settings(arm).get(path)
    if not _is_number(value):
        what = "not given" if value is None else f"{value!r}, which is not a number"
        raise CodaarError(
            f"no plot over {path}: in the arm {arm.name}, it is {what}", "name another: -o sweep.plot=SETTING"
        )
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def line_of(arm: str) -> str:
    """The line to which an arm belongs: ``av`` of ``av-k128``; empty for a name without hyphen."""
    return arm.rpartition("-")[0]


def _keys(sweep: Sweep) -> dict[str, Key]:
    names = list(dict.fromkeys(line_of(arm.name) for arm in sweep.arms))
    if len(names) == 1:
        return {names[0]: Key(name="", hue=1, dash="none")}
    return {
        name: Key(name=name or "others", hue=number % HUES + 1, dash=DASHES[number % len(DASHES)])
        for number, name in enumerate(names)
    }


def _title(heading: str, column: str, measured: Sequence[Measured]) -> str:
    """The heading of a column, with the unit of its metric."""
    if column.startswith(PRETRAINING):
        return heading
    runs = (results for each in measured for results in each.results)
    found = next(filter(None, (score(results, column) for results in runs)), None)
    return f"{heading}, {found.unit}" if found is not None and found.unit else heading


def _values(
    sweep: Sweep, measured: Sequence[Measured], at: Mapping[str, float], number: int
) -> dict[str, list[_Value]]:
    """The values of a column by line, in the order of the setting."""
    column = list(sweep.columns.values())[number]
    runs = {each.arm: each.results for each in measured}
    lines: dict[str, list[_Value]] = {}
    for arm in sorted(at, key=at.__getitem__):
        found = numbers(runs.get(arm, ()), column)
        mean = statistics.fmean(found) if found else None
        deviation = statistics.stdev(found) if len(found) > 1 else 0.0
        published = sweep.published[arm][number] if arm in sweep.published else None
        lines.setdefault(line_of(arm), []).append(_Value(at[arm], mean, deviation, published))
    return lines


def _panel(title: str, keys: Mapping[str, Key], lines: Mapping[str, Sequence[_Value]]) -> PlotPanel | None:
    ends = [end for values in lines.values() for value in values for end in value.ends]
    if not ends:
        return None
    places = sorted({value.at for values in lines.values() for value in values})
    x = _across(places)
    y = linear_axis(min(ends), max(ends), BOTTOM, TOP)
    return PlotPanel(
        title=title,
        description=f"{title}: {'; '.join(_described(keys[name], values) for name, values in lines.items())}",
        lines=[_line(keys[name], values, x, y) for name, values in lines.items()],
        x_ticks=x.ticks,
        y_ticks=y.ticks,
    )


def _across(places: Sequence[float]) -> Axis:
    """The horizontal axis; the values themselves are labelled where their labels have room."""
    low, high = places[0], places[-1]
    logarithmic = low > 0 and high > LOG_RANGE * low
    axis = log_axis(low, high, LEFT, RIGHT) if logarithmic else linear_axis(low, high, LEFT, RIGHT)
    ticks = [Tick(axis.position(place), significant(place)) for place in places]
    close = any(after.position - before.position < APART for before, after in zip(ticks, ticks[1:], strict=False))
    return axis if close else attrs.evolve(axis, ticks=ticks)


def _line(key: Key, values: Sequence[_Value], x: Axis, y: Axis) -> PlotLine:
    drawn = [(x.position(value.at), value.mean, value.deviation) for value in values if value.mean is not None]
    dots = [(across, y.position(mean)) for across, mean, _ in drawn]
    upper = [(across, y.position(mean + deviation)) for across, mean, deviation in drawn]
    lower = [(across, y.position(mean - deviation)) for across, mean, deviation in drawn]
    return PlotLine(
        key=key,
        path=_points(dots),
        band=_points([*upper, *reversed(lower)]) if any(deviation for *_, deviation in drawn) else "",
        dots=dots,
        published=[(x.position(each.at), y.position(each.published)) for each in values if each.published is not None],
    )


def _points(places: Sequence[Point]) -> str:
    return " ".join(f"{across:.1f},{up:.1f}" for across, up in places)


def _described(key: Key, values: Sequence[_Value]) -> str:
    listed = ", ".join(f"{significant(value.mean)} at {significant(value.at)}" for value in values)
    return f"{key.name} {listed}".strip()
