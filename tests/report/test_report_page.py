from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser

import pytest

from codaar_core.api.errors import CodaarError
from codaar_core.report import write
from codaar_core.report.numerals import difference, percent

VOID = {"meta", "br", "img", "hr", "input", "link"}
MINIMAL = {"format": 1, "name": "n", "mode": "strict", "modalities": ["x", "y"], "transfers": []}


class Page(HTMLParser):
    """Fails where tags are not balanced; gathers text, identifiers, targets and figures."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.attributes = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]

    def __contains__(self, text: str) -> bool:
        return text in "".join(self.text)


@pytest.fixture
def page(run_directory):
    """Write a report and parse it."""

    def make(results: dict, control: dict | None = None) -> Page:
        other = run_directory(control, "control") if control else None
        return Page(write(run_directory(results), other).read_text("utf-8"))

    return make


def test_the_page_is_one_file_that_asks_for_nothing(results, unaligned, run_directory):
    source = write(run_directory(results), run_directory(unaligned, "control")).read_text("utf-8")
    assert "http" not in source and "@import" not in source and "<script" not in source and "<link" not in source
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", source))
    parsed = Page(source)
    assert not parsed.values("src") and all(target.startswith("#") for target in parsed.values("href"))


def test_identifiers_are_unique_and_links_arrive(results, page):
    parsed = page(results)
    identifiers = parsed.values("id")
    assert len(set(identifiers)) == len(identifiers)
    assert {target[1:] for target in parsed.values("href")} <= set(identifiers)


def test_every_number_of_the_record_is_shown(results, unaligned, page):
    parsed = page(results, unaligned)
    tooltips = "".join(parsed.values("title"))
    for entry, other in zip(results["transfers"], unaligned["transfers"], strict=True):
        published = percent(entry["published"]) if entry["benchmark"] == "localization" else ""
        row = (
            f"{entry['train']} → {entry['test']}{'1' if entry['caveat'] else ''}"
            f"{percent(entry['mean'])} ± {percent(entry['std'])}{percent(entry['chance'])}{percent(entry['constant'])}"
            f"{percent(other['mean'])}{difference(entry['mean'], other['mean'])}"
            f"{percent(entry['upper_bound'])}{published}"
        )
        assert row in parsed
        assert ", ".join(map(percent, entry["values"])) in tooltips
    for fact in (
        "strict",
        "1,234,567",
        "43, 44, 45",
        "16 epochs, 800 steps",
        "1 min 48 s",
        "4/27",
        "2.13.0",
    ):
        assert fact in parsed
    assert results["recipe"] in parsed and results["command"] in parsed and results["data"] in parsed


def test_every_curve_is_drawn_and_described(results, page):
    parsed = page(results)
    curves = results["curves"]
    quantities = {name.partition(".")[0] for name in (*curves["losses"], *curves["codebooks"])} | {"agreement"}
    figures = [value for tag, key, value in parsed.attributes if tag == "svg" and key == "aria-label"]
    assert len(figures) == len(quantities)
    assert all("steps 10 to 800" in text for text in figures)
    lines = sum("stroke: var(--series" in value for value in parsed.values("style"))
    assert lines >= sum(len(curves[group]) for group in ("losses", "codebooks", "agreement"))


def test_names_are_escaped_everywhere(results, page):
    text = json.dumps(results).replace('"audio"', '"<b>&"').replace("audio", "<b>&")
    text = text.replace("classification", "<i>$x").replace("accuracy", "<u>").replace("a word spells", "</p> spells")
    parsed = page(json.loads(text))
    assert "<b>& → video" in parsed and "<i>$x" in parsed and "<u>" in parsed and "</p> spells" in parsed


def test_what_is_no_number_is_never_printed(results, page):
    for entry in results["transfers"]:
        entry.update(mean=math.nan, std=None, values=[None, math.nan], chance=None, constant=math.inf, upper_bound=None)
    for values in (*results["curves"]["losses"].values(), *results["curves"]["agreement"].values()):
        values[:] = [math.nan, None] * (len(values) // 2)
    parsed = page(results)
    words = set(re.findall(r"\w+", "".join(parsed.text)))
    assert not {"nan", "NaN", "None", "inf", "null"} & words and "–" in parsed
    assert not any("nan" in (value or "").lower() for _, key, value in parsed.attributes if key in ("d", "style"))


def test_a_control_that_is_unfair_is_called_so(results, unaligned, page):
    assert "not fair" not in page(results, unaligned)
    assert "It differs in mode: the comparison is not fair." in page(results, {**unaligned, "mode": "as-published"})


def test_without_control_and_published_numbers_there_are_no_such_columns(results, page):
    for entry in results["transfers"]:
        entry["published"] = None
    parsed = page(results)
    assert "control" not in parsed and "published" not in parsed


def test_sections_of_hooks_come_as_they_are(results, page):
    results["sections"] = [["Codes & clips", "<p id='mine'>seen</p>"]]
    parsed = page(results)
    assert "Codes & clips" in parsed and "mine" in parsed.values("id")


def test_everything_optional_may_be_absent(page):
    parsed = page(MINIMAL)
    assert "strict" in parsed and "Reproduce" not in parsed and "Losses" not in parsed


def test_a_single_logged_step_is_seen_as_a_point(page):
    curves = {"step": [10], "losses": {"total": [1.0]}}
    parsed = page({**MINIMAL, "curves": curves})
    assert any(tag == "use" for tag, *_ in parsed.attributes)


def test_a_steep_positive_loss_is_drawn_on_a_logarithmic_scale(page):
    curves = {"step": [1, 2, 3], "losses": {"steep": [1000.0, 10.0, 0.1], "flat": [3.0, 2.0, 1.0]}}
    assert "".join(page({**MINIMAL, "curves": curves}).text).count("log scale") == 1


def test_the_same_record_gives_the_same_page(results, run_directory):
    run = run_directory(results)
    assert write(run).read_bytes() == write(run).read_bytes()
    assert {path.name for path in run.iterdir()} == {"results.json", "report.html"}


def test_a_report_that_cannot_be_written_leaves_nothing_behind(results, run_directory):
    run = run_directory(results)
    (run / "report.html").mkdir()
    with pytest.raises(CodaarError, match="cannot write"):
        write(run)
    assert {path.name for path in run.iterdir()} == {"results.json", "report.html"}
