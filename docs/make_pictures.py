"""Makes the pictures of the pages: ``python docs/make_pictures.py [--report RUN] [--atlas RUN]``.

docs/pictures/step.svg, one training step, is drawn here. With ``--report``, docs/pictures/report.png shows the scores
in RUN/report.html, and with ``--atlas``, docs/pictures/atlas.png the first codewords of RUN/atlas.html, in headless
Chromium; that needs the command ``chromium`` and the package Pillow.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("pictures")
WIDTH = 400  # narrow enough to be read on a telephone without scaling
LANES = {"text": 72, "audio": 200, "video": 328}  # centres
BAND, GAP, BOOK = 46, 20, 45
ROWS, SELECTED = 5, 2  # of the codebooks that are drawn

STYLE = """
text { font: 12.5px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.name { font-size: 15px; font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
.page { fill: #ffffff; }
.band { fill: #f3f5f8; stroke: #c9d1d9; }
.all { --lane: #59636e; }
.text { --lane: #8250df; } .audio { --lane: #0969da; } .video { --lane: #bc4c00; }
.line { stroke: var(--lane); stroke-width: 2; fill: none; }
.head { fill: var(--lane); }
.row { fill: none; stroke: var(--lane); } .row.selected { fill: var(--lane); }
.chip { fill: var(--lane); } .chip + text { fill: #ffffff; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9198a1; } .page { fill: #0d1117; }
  .band { fill: #171c24; stroke: #3d444d; }
  .all { --lane: #9198a1; }
  .text { --lane: #ab7df8; } .audio { --lane: #4493f8; } .video { --lane: #f0883e; }
  .chip + text { fill: #0d1117; }
}
"""


class Band(NamedTuple):
    """One box of the picture, over all modalities."""

    name: str
    about: str
    below: str = "lanes"  # what leads to the next box: lanes, one arrow, crossing lanes, codebooks or nothing


BANDS = (
    Band("encode", "features → latents z, and private features"),
    Band("quantize", "the nearest codeword selects a row of all codebooks", "codebooks"),
    Band("decode", "row and private features → reconstruction"),
    Band("losses", "of each modality, and between modalities (CPC, CMCM)", "one"),
    Band("backward", "clip the gradients; one optimizer step", "nothing"),
    Band("mix (DTA)", "targets: z with a share of the others, step by step", "crossing"),
    Band("update", "codewords become moving means of their targets"),
    Band("adjust (CSA)", "the codewords of each row move together", "codebooks"),
    Band("reset", "long unused rows become copies of rows in use", "nothing"),
)
UPDATE = "then the codebooks, without gradient"


def step() -> str:
    """The picture of a training step, as SVG."""
    parts: list[str] = []
    top = 12.0
    for lane, x in LANES.items():
        parts.append(f'<g class="{lane}"><rect class="chip" x="{x - 42}" y="{top}" width="84" height="26" rx="13"/>')
        parts.append(f'<text x="{x}" y="{top + 17.5}" text-anchor="middle">{lane}</text></g>')
    top += 26
    parts += lanes(top, GAP)
    top += GAP
    for band in BANDS:
        parts += box(band, top)
        top += BAND
        height = {"codebooks": GAP + BOOK + GAP, "nothing": GAP + 14, "crossing": 2 * GAP}.get(band.below, GAP)
        parts += between(band.below, top, height)
        if band.name == "backward":
            parts.append(f'<text class="small" x="{WIDTH / 2}" y="{top + 21}" text-anchor="middle">{UPDATE}</text>')
        top += height
    height = round(top - GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="One training step">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def box(band: Band, top: float) -> Iterator[str]:
    """A box with its name and what happens in it."""
    yield f'<rect class="band" x="10" y="{top}" width="{WIDTH - 20}" height="{BAND}" rx="8"/>'
    yield f'<text class="name" x="22" y="{top + 19}">{band.name}</text>'
    yield f'<text x="22" y="{top + 37}">{band.about}</text>'


def between(below: str, top: float, height: float) -> Iterator[str]:
    """What leads from one box to the next."""
    if below == "lanes":
        yield from lanes(top, height)
    elif below == "one":
        yield from arrow("all", LANES["audio"], LANES["audio"], top, height)
    elif below == "crossing":
        for lane, start in LANES.items():
            for end in LANES.values():
                yield from arrow(lane, start, end, top, height)
    elif below == "codebooks":
        yield from lanes(top, GAP)
        for lane, x in LANES.items():
            yield from codebook(lane, x, top + GAP)
        yield from lanes(top + GAP + BOOK, GAP)


def lanes(top: float, height: float) -> Iterator[str]:
    """One arrow for each modality."""
    for lane, x in LANES.items():
        yield from arrow(lane, x, x, top, height)


def arrow(lane: str, start: float, end: float, top: float, height: float) -> Iterator[str]:
    """A straight line with a head."""
    tip, neck = top + height - 2, top + height - 9
    yield f'<g class="{lane}"><path class="line" d="M{start} {top + 1}L{end} {neck}"/>'
    yield f'<path class="head" d="M{end - 4.5} {neck}h9L{end} {tip}z"/></g>'


def codebook(lane: str, x: float, top: float) -> Iterator[str]:
    """The codewords of one modality, one of them selected."""
    height = BOOK / ROWS
    yield f'<g class="{lane}">'
    for row in range(ROWS):
        kind = "row selected" if row == SELECTED else "row"
        yield f'<rect class="{kind}" x="{x - 42}" y="{top + row * height}" width="84" height="{height}"/>'
    yield "</g>"


# Report

WINDOW = (1000, 1170)
ATLAS_WINDOW = (1180, 900)
HIDDEN = "<style>.facts, nav { display: none }</style></head>"  # room for the scores


def report(run: Path, browser: str = "chromium") -> None:
    """Save a picture of the scores of a run's report.

    Raises:
        SystemExit: There is no browser, or no report.
    """
    screenshot(run / "report.html", "report.png", WINDOW, browser, HIDDEN)


def atlas(run: Path, browser: str = "chromium") -> None:
    """Save a picture of the first codewords of a run's atlas.

    Raises:
        SystemExit: There is no browser, or no atlas.
    """
    screenshot(run / "atlas.html", "atlas.png", ATLAS_WINDOW, browser)


def screenshot(page: Path, name: str, window: tuple[int, int], browser: str, hidden: str = "</head>") -> None:
    """Save the top of a page as docs/pictures/NAME, with ``hidden`` in place of the end of its head."""
    if shutil.which(browser) is None or not page.is_file():
        raise SystemExit(f"this needs {page} and the command {browser}")
    picture = FOLDER / name
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder) / page.name
        shown.write_text(page.read_text("utf-8").replace("</head>", hidden, 1), "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/user"]
        size = f"--window-size={window[0]},{window[1]}"
        subprocess.run([browser, *options, size, f"--screenshot={picture}", shown.as_uri()], check=True, timeout=120)
    shrink(picture)


def shrink(picture: Path) -> None:
    """Keep 256 colours: a third of the size, with no visible difference for text and lines."""
    from PIL import Image

    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(256)
    small.save(picture, optimize=True)


def main() -> None:
    """Write the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--report", type=Path, metavar="RUN", help="run directory whose report is shown")
    arguments.add_argument("--atlas", type=Path, metavar="RUN", help="run directory whose atlas is shown")
    given = arguments.parse_args()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "step.svg").write_text(step(), "utf-8")
    if given.report is not None:
        report(given.report)
    if given.atlas is not None:
        atlas(given.atlas)


if __name__ == "__main__":
    main()
