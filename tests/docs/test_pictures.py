"""docs/pictures/step.svg is what docs/make_pictures.py draws, and all its text fits; pictures stay small."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 6.7  # px, mean width of a letter at 12.5 px in DejaVu Sans, the widest of the fallback fonts


@pytest.fixture(scope="module")
def pictures() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(DOCS / "make_pictures.py")))


def test_the_picture_is_up_to_date(pictures):
    assert (DOCS / "pictures" / "step.svg").read_text("utf-8") == pictures.step(), "run python docs/make_pictures.py"


def test_every_part_of_a_step_is_drawn_in_order(pictures):
    names = [text.text for text in ElementTree.fromstring(pictures.step()).iter(f"{SVG}text")]
    bands = [band.name for band in pictures.BANDS]
    assert [name for name in names if name in bands] == bands


def test_text_stays_inside_its_box(pictures):
    for text in ElementTree.fromstring(pictures.step()).iter(f"{SVG}text"):
        if text.get("text-anchor") != "middle":
            assert float(text.get("x")) + LETTER * len(text.text) < pictures.WIDTH - 10, text.text


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small(picture):
    assert picture.stat().st_size < 200_000


def test_a_report_that_is_missing_is_an_error(pictures, tmp_path):
    with pytest.raises(SystemExit, match=r"report\.html"):
        pictures.report(tmp_path)
