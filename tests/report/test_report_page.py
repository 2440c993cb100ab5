from __future__ import annotations

import errno
import re
from pathlib import Path

import attrs
import pytest
from sample_results import score, with_scores
from written_report import Page

from codaar_core.api.errors import CodaarError
from codaar_core.engine.results import Curves, Results, Section, as_json, parse
from codaar_core.report import update_list, write
from codaar_core.report.numerals import percent, signed

MINIMAL = Results(name="n", mode="strict", modalities=("x", "y"), transfers=())
PAYLOAD = "<script>document.title = 'reached'</script><img src=https://example.org/seen onerror=alert(1)>"


@pytest.fixture
def page(run_directory):
    """Write a report and parse it."""

    def make(results: Results, control: Results | None = None) -> Page:
        other = run_directory(control, "control") if control else None
        return Page(write(run_directory(results), other).read_text("utf-8"))

    return make


def test_the_page_is_one_file_that_asks_for_nothing(results, unaligned, run_directory):
    source = write(run_directory(results), run_directory(unaligned, "control")).read_text("utf-8")
    assert not re.search(r"https?://|@import|<script|<link", source)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", source))
    parsed = Page(source)
    assert not parsed.values("src") and all(target.startswith("#") for target in parsed.values("href"))
    (policy,) = (value for tag, key, value in parsed.attributes if tag == "meta" and "default-src" in value)
    assert policy.startswith("default-src 'none';") and "script" not in policy


def test_identifiers_are_unique_and_links_arrive(results, page):
    parsed = page(results)
    identifiers = parsed.values("id")
    assert len(set(identifiers)) == len(identifiers)
    assert {target[1:] for target in parsed.values("href")} <= set(identifiers)


def test_every_number_of_the_record_is_shown(results, unaligned, page):
    parsed = page(results, unaligned)
    tooltips = "".join(parsed.values("title"))
    for entry, other in zip(results.transfers, unaligned.transfers, strict=True):
        published = percent(entry.published) if entry.benchmark == "localization" else ""
        row = (
            f"{entry.train} → {entry.test}{'1' if entry.caveat else ''}"
            f"{percent(entry.mean)} ± {percent(entry.std)}{percent(entry.chance)}{percent(entry.constant)}"
            f"{percent(other.mean)}{signed(entry.mean - other.mean, '%')}"
            f"{percent(entry.upper_bound)}{published}"
        )
        assert row in parsed
        assert ", ".join(map(percent, entry.values)) in tooltips
    for fact in (
        "strict",
        "1,234,567",
        "43, 44, 45",
        "16 epochs, 800 steps",
        "80 clips",
        "1 min 48 s",
        "4/27",
        "2.13.0",
    ):
        assert fact in parsed
    assert results.recipe in parsed and results.command in parsed and results.data in parsed


def test_every_curve_is_drawn_and_described(results, page):
    parsed = page(results)
    curves = results.curves
    quantities = {name.partition(".")[0] for name in (*curves.losses, *curves.codebooks)} | {"agreement"}
    figures = [value for tag, key, value in parsed.attributes if tag == "svg" and key == "aria-label"]
    assert len(figures) == len(quantities)
    assert all("steps 10 to 800" in text for text in figures)
    lines = [value for tag, key, value in parsed.attributes if tag == "polyline" and key == "points"]
    assert len(lines) == len(curves.losses) + len(curves.codebooks) + len(curves.agreement) + 1, "one has a gap"
    assert sum(len(line.split()) for line in lines) == 80 * (len(lines) - 1) - 1


def test_names_are_escaped_everywhere(results, page):
    def renamed(value):
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [renamed(item) for item in value]
        if not isinstance(value, str):
            return value
        value = re.sub("^audio$", '<b>&"', value).replace("audio", "<b>&").replace("a word spells", "</p> spells")
        return value.replace("classification", "<i>{{ 7 * 7 }}").replace("accuracy", "<u>")

    values = as_json(results)
    changed = {name: renamed(value) for name, value in values.items() if name in ("transfers", "alignment", "name")}
    curves = {name: renamed(value) for name, value in values["curves"].items()}
    parsed = page(parse({**values, **changed, "curves": curves, "modalities": renamed(values["modalities"])}))
    for text in ('<b>&" → video', "<i>{{ 7 * 7 }}", "<u>", "</p> spells", "text-<b>&"):
        assert text in parsed


def test_a_missing_number_is_never_printed(results, page):
    missing = {name: None for name in ("std", "chance", "constant", "upper_bound")}
    results = with_scores(results, mean=None, values=(None, None, None), **missing)
    curves = attrs.evolve(results.curves, losses={"total": (None,) * 80}, agreement={"a-b": (None,) * 80})
    parsed = page(attrs.evolve(results, curves=curves))
    words = set(re.findall(r"\w+", "".join(parsed.text)))
    assert not {"nan", "NaN", "None", "inf", "null"} & words and "–" in parsed
    drawn = [value for _, key, value in parsed.attributes if key in ("points", "style", "cx", "cy", "x", "y")]
    assert not any("nan" in value.lower() or "none" in value.lower() for value in drawn)


def test_an_unfair_control_is_called_so(results, unaligned, page):
    assert "not fair" not in page(results, unaligned)
    unfair = attrs.evolve(unaligned, mode="as-published")
    assert "It differs in mode: the comparison is not fair." in page(results, unfair)


def test_without_control_and_published_numbers_there_are_no_such_columns(results, page):
    parsed = page(with_scores(results, published=None))
    assert "control" not in parsed and "published" not in "".join(parsed.text).replace("as-published", "")


def test_only_fractions_are_percentages(page):
    error = {"benchmark": "reach", "metric": "RMSE", "unit": "N", "higher_is_better": False, "headline": True}
    fit = {"benchmark": "reach", "metric": "R²", "unit": "", "headline": False}
    transfers = (score(mean=0.125, chance=4.0, **error), score(mean=0.75, chance=-1.5, **fit))
    control = attrs.evolve(MINIMAL, transfers=(score(mean=0.25, **error), score(mean=0.5, **fit)))
    parsed = page(attrs.evolve(MINIMAL, transfers=transfers), control)
    for text in (
        "0.125 N",
        "RMSE, lower is better; 1 of 1 transfers",
        "RMSE, N, lower is better",
        "north → south0.12540.25+0.125",
        "north → south0.75−1.50.5+0.25",
    ):
        assert text in parsed
    assert "%" not in "".join(parsed.text) and "gauge" not in parsed.values("class")
    assert [value for key, value in parsed.styles if key == "td"] == ["--tint-share:1.00"]


def test_html_of_hooks_stays_in_a_sandboxed_frame(results, page):
    parsed = page(attrs.evolve(results, sections=(Section(title="Codes & clips", html=PAYLOAD),)))
    assert "Codes & clips" in parsed
    frame = {key: value for tag, key, value in parsed.attributes if tag == "iframe"}
    assert frame["sandbox"] == "" and PAYLOAD in frame["srcdoc"], "no permission at all"
    assert "script" not in parsed.tags and "img" not in parsed.tags


def test_a_foreign_file_puts_no_tag_into_the_page(results, page):
    """Every text of results.json is a payload that closes what may stand around it."""
    payload = f"'\"--></style></title></textarea></iframe>{PAYLOAD}"

    def poisoned(value):
        if isinstance(value, dict):
            return {f"{key}{payload}" if key in open_keys else key: poisoned(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [poisoned(item) for item in value]
        return value + payload if isinstance(value, str) and value != "finished" else value

    values = as_json(attrs.evolve(results, sections=(Section(title="x", html="y"),), notes=("z",)))
    curves = values["curves"]
    open_keys = {*curves["losses"], *curves["codebooks"], *curves["agreement"], *values["versions"]}
    clean, parsed = page(parse(values)), page(parse(poisoned(values)))
    assert set(parsed.tags) == set(clean.tags) and "script" not in parsed.tags
    assert not any(key.startswith("on") for _, key, _ in parsed.attributes)


def test_everything_optional_may_be_absent(page):
    parsed = page(MINIMAL)
    assert "strict" in parsed and "Reproduce" not in parsed and "Losses" not in parsed and "Batch" not in parsed


def test_a_steep_positive_loss_is_drawn_on_a_logarithmic_scale(page):
    curves = Curves(step=(1, 2, 3), losses={"steep": (1000.0, 10.0, 0.1), "flat": (3.0, 2.0, 1.0)})
    assert "".join(page(attrs.evolve(MINIMAL, curves=curves)).text).count("log scale") == 1


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


def test_the_page_names_the_command_of_the_atlas_and_links_to_an_atlas_beside_it(results, run_directory):
    run = run_directory(results)
    command = f"codaar atlas {results.directory}"
    without = Page(write(run).read_text("utf-8"))
    assert command in without and "atlas.html" not in without.values("href")
    (run / "atlas.html").touch()
    beside = Page(write(run).read_text("utf-8"))
    assert command not in beside and "atlas.html" in beside.values("href")
    (run / "atlas.html").unlink()
    later = Page(write(run_directory(attrs.evolve(results, model="runs/a/b, step-1"), "later")).read_text("utf-8"))
    assert "codaar atlas" not in later


def test_a_read_only_folder_is_told_and_a_failed_evaluation_adds_no_report(results, run_directory, monkeypatch):
    run = run_directory(results)
    update_list(run)
    assert {path.name for path in run.iterdir()} == {"results.json"}, "an exported model has no report"

    def read_only(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    for name in ("write_bytes", "write_text", "unlink", "replace"):
        monkeypatch.setattr(Path, name, read_only)
    with pytest.raises(CodaarError, match="cannot write .*report.html: Read-only file system"):
        write(run)
