"""The curves of a sweep as one SVG, and the page of a sweep with its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import attrs

from codaar_core.recipe.sweep import Sweep
from codaar_core.report.curves import HEIGHT, LEFT, RIGHT, WIDTH
from codaar_core.sweep.plot import Key, Plot, PlotPanel
from codaar_core.sweep.running import Measured
from codaar_core.sweep.table import note_of, rows, warnings_of

if TYPE_CHECKING:
    from jinja2 import Environment

ACROSS = 3  # panels of the SVG side by side
CELL_WIDTH, CELL_HEIGHT = WIDTH + 20, HEIGHT + 50
TOP_HEIGHT, KEY_HEIGHT = 34, 18  # of the heading, and of a row of the key, in user units
LETTER = 6.5  # about the width of a letter of the key
LONGEST = 44  # letters of the heading of a panel


@attrs.frozen
class _Place:
    """Where something stands in the SVG."""

    x: float
    y: float
    what: PlotPanel | Key


def as_svg(sweep: Sweep, plot: Plot) -> str:
    """One picture of all panels that needs no other file; dark where the reader prefers it."""
    width = CELL_WIDTH * min(ACROSS, len(plot.panels))
    keys = list(_keys(plot.keys, width))
    top = TOP_HEIGHT + (keys[-1].y - TOP_HEIGHT + KEY_HEIGHT if keys else 0)
    panels = [
        _Place(CELL_WIDTH * (number % ACROSS) + 10, top + CELL_HEIGHT * (number // ACROSS), panel)
        for number, panel in enumerate(plot.panels)
    ]
    height = top + CELL_HEIGHT * -(-len(panels) // ACROSS)
    template = _environment().get_template("plot.svg")
    return template.render(title=sweep.title, plot=plot, keys=keys, panels=panels, width=width, height=height)


def _keys(keys: Sequence[Key], width: float) -> Iterator[_Place]:
    """Places of the entries of the key, in rows."""
    x, y = 10.0, float(TOP_HEIGHT)
    for key in keys:
        needed = 36 + LETTER * len(key.name)
        if x > 10 and x + needed > width:
            x, y = 10.0, y + KEY_HEIGHT
        yield _Place(x, y, key)
        x += needed + 14


def as_page(sweep: Sweep, measured: Sequence[Measured], plot: Plot) -> str:
    """The page of a sweep: its curves and its table; every string is escaped."""
    template = _environment().get_template("sweep.html")
    table, note, warnings = rows(sweep, measured), note_of(sweep, measured), warnings_of(measured)
    return template.render(sweep=sweep, plot=plot, rows=table, note=note, warnings=warnings)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("codaar_core.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "drawing": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT},
        "longest": LONGEST,
    }
    return environment
