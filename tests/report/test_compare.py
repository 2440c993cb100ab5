"""`codaar compare`: rows, best scores, paired differences, different settings, and the three file formats."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import statistics
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
import tomli_w
from click.testing import CliRunner
from rich.console import Console
from sample_results import sample_results, score, with_scores, write_results
from toy_run import toy_plan

import codaar_core
from codaar_core.api import CodaarError
from codaar_core.cli.commands import codaar
from codaar_core.engine import run
from codaar_core.engine.exported.manifest import MANIFEST
from codaar_core.report.compare.terminal import print_comparison

RECIPE = {"codaar": 1, "run": {"name": "x", "epochs": 3, "directory": "a"}, "losses": {"main": {"use": "a:b", "w": 1}}}
HOSTILE = "=1+2<script>alert(1)</script> & 50% [red]_{x}\x1b[31m"


def saved(folder: Path, results, recipe=None) -> Path:
    write_results(folder, results)
    (folder / "resolved.toml").write_text(tomli_w.dumps(recipe or RECIPE), "utf-8")
    return folder


def of(*scores, **changes):
    return sample_results(transfers=tuple(scores), **changes)


@pytest.fixture
def two(tmp_path):
    """The sample run and its control, as folders."""
    return [saved(tmp_path / "a", sample_results()), saved(tmp_path / "b", sample_results(aligned=False))]


def shown(comparison, width=120) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_comparison(comparison, console)
    return console.file.getvalue()


def test_each_score_stands_in_its_row_and_column(two):
    comparison = codaar_core.compare(two)
    assert [each.label for each in comparison.runs] == ["avt", "avt-unaligned"]
    for number, results in enumerate((sample_results(), sample_results(aligned=False))):
        for each in results.transfers:
            name = f"{each.train} -> {each.test}"
            (row,) = [
                row
                for row in comparison.rows
                if (row.benchmark, row.transfer, row.metric) == (each.benchmark, name, each.metric)
            ]
            assert (row.scores[number].mean, row.scores[number].deviation) == (each.mean, each.deviation)
            assert (row.chance, row.upper_bound, row.caveat) == (each.chance, each.upper_bound, each.caveat)
            assert row.scores[0].best and not row.scores[1].best


def test_means_are_over_transfers_that_count_in_all_runs(two):
    comparison = codaar_core.compare(two)
    (row,) = [row for row in comparison.rows if row.benchmark == "classification" and row.transfer.startswith("mean")]
    counted = [each for each in sample_results().transfers if each.benchmark == "classification" and each.counts]
    assert row.transfer == f"mean of {len(counted)}" == "mean of 2"
    assert row.scores[0].mean == pytest.approx(statistics.fmean(each.mean for each in counted))


def test_a_transfer_that_one_run_lacks_is_in_no_mean(tmp_path):
    one, both = score(test="a", mean=0.1), [score(test="a", mean=0.3), score(test="b", mean=0.9)]
    comparison = codaar_core.compare([saved(tmp_path / "a", of(one)), saved(tmp_path / "b", of(*both))])
    assert [row.transfer for row in comparison.rows] == ["north -> a", "north -> b"]
    assert comparison.rows[1].scores[0] is None and not comparison.rows[1].scores[1].best


def test_lower_is_better_where_the_metric_says_so(tmp_path):
    runs = [saved(tmp_path / f"{mean}", of(score(mean=mean, higher_is_better=False))) for mean in (0.3, 0.2, 0.2)][:2]
    comparison = codaar_core.compare(runs)
    assert [each.best for each in comparison.rows[0].scores] == [False, True]
    assert "lower is better" in comparison.as_latex() and "lower is better" in shown(comparison)


def test_what_differs_is_not_shown_as_common(tmp_path):
    runs = [saved(tmp_path / f"{chance}", of(score(chance=chance, upper_bound=0.9))) for chance in (0.1, 0.2)]
    assert (codaar_core.compare(runs).rows[0].chance, codaar_core.compare(runs).rows[0].upper_bound) == (None, 0.9)


def test_modes_never_mix(tmp_path):
    given = [("strict", 0.5), ("as-published", 0.9), ("strict", 0.4)]
    runs = [saved(tmp_path / str(n), of(score(mean=mean), mode=mode)) for n, (mode, mean) in enumerate(given)]
    comparison = codaar_core.compare(runs)
    assert [each.best for each in comparison.rows[0].scores] == [True, False, False]
    assert "different evaluation mode" in comparison.notes[0] and "not comparable" in comparison.notes[0]
    assert not [each for each in comparison.paired if each.run == comparison.runs[1].label]
    for text in (shown(comparison), comparison.as_html(), comparison.as_latex()):
        assert "not comparable" in text


def test_paired_differences_are_over_common_seeds(tmp_path):
    before = of(score(values=(0.5, 0.6, 0.7), mean=0.6), seeds=(1, 2, 3))
    after = of(score(values=(0.9, 0.1, 0.7), mean=0.57), seeds=(3, 9, 2))
    runs = [saved(tmp_path / "a", before), saved(tmp_path / "b", attrs.evolve(after, name="other"))]
    (found,) = codaar_core.compare(runs).paired
    differences = [0.9 - 0.7, 0.7 - 0.6]
    assert (found.run, found.reference, found.seeds) == ("other", "avt", 2)
    assert found.difference == pytest.approx(statistics.fmean(differences))
    assert found.error == pytest.approx(statistics.stdev(differences) / math.sqrt(2))


@pytest.mark.parametrize("seeds", [(1, 7, 8), (4, 5, 6), (1, 2)])
def test_fewer_than_two_common_seeds_have_no_difference(tmp_path, seeds):
    values = {"values": (0.5, 0.6, 0.7), "mean": 0.6}
    runs = [of(score(**values), seeds=(1, 2, 3)), of(score(**values), seeds=seeds)]
    comparison = codaar_core.compare([saved(tmp_path / str(n), each) for n, each in enumerate(runs)])
    assert comparison.paired == ()


def test_settings_that_differ_are_listed_and_blocks_once(tmp_path):
    changed = {**RECIPE, "run": {"name": "x", "epochs": 4, "directory": "b"}, "losses": {}}
    runs = [saved(tmp_path / "a", sample_results()), saved(tmp_path / "b", sample_results(), changed)]
    settings = {row.path: row.values for row in codaar_core.compare(runs).settings}
    assert settings == {"run.epochs": ("3", "4"), "losses.main": ('"a:b"', "-")}


def test_an_exported_model_takes_part(tmp_path):
    directory = run(toy_plan(tmp_path, "run.epochs=1", "bench.toy.epochs=1"))
    exported = codaar_core.export(directory, tmp_path / "exported")
    comparison = codaar_core.compare([directory, exported])
    assert [
        row.path for row in comparison.settings if row.path.startswith(("quantizer", "encoders", "optimizer"))
    ] == []
    assert all(row.scores[0].mean == row.scores[1].mean for row in comparison.rows)
    assert all(each.difference == 0 for each in comparison.paired) and len(comparison.paired) == 2
    (exported / "results.json").unlink()
    assert (exported / MANIFEST).is_file()
    missing = codaar_core.compare([directory, exported]).without_results
    assert missing == {str(exported): f"{exported} is an exported model without scores"}


def test_runs_without_results_are_named_and_others_shown(two, tmp_path):
    comparison = codaar_core.compare([tmp_path / "none", *two])
    assert len(comparison.runs) == 2
    for text in (shown(comparison), comparison.as_html()):
        assert "there is no folder" in text
    with pytest.raises(CodaarError, match="no run has results: there is no folder .*none"):
        codaar_core.compare([tmp_path / "none"])


@pytest.mark.parametrize(("runs", "message"), [([], "no run given"), (["a", "./a"], "is given twice")])
def test_wrong_arguments(runs, message):
    with pytest.raises(CodaarError, match=message):
        codaar_core.compare(runs)


def test_equal_names_are_told_apart(tmp_path):
    runs = [saved(tmp_path / name, sample_results()) for name in ("s1", "s2")]
    comparison = codaar_core.compare(runs)
    assert [each.label for each in comparison.runs] == ["avt s1", "avt s2"]
    long = [saved(tmp_path / f"{name}" / "2026-01-01T00-00-00", sample_results(name=name)) for name in "x" * 1 + "y"]
    comparison = codaar_core.compare(
        [*long, saved(tmp_path / "long", sample_results(name="a-very-long-name-of-a-run"))]
    )
    text = shown(comparison)
    assert " C: a-very-long-name-of-a-run\n" in text and re.search(r"upper bound +A +B +C", text)


def test_csv_has_the_numbers_themselves(two):
    comparison = codaar_core.compare(two)
    rows = list(csv.DictReader(io.StringIO(comparison.as_csv())))
    assert len(rows) == len(comparison.rows)
    assert float(rows[0]["avt mean"]) == comparison.rows[0].scores[0].mean
    assert float(rows[0]["avt-unaligned std"]) == comparison.rows[0].scores[1].deviation


def test_latex_is_complete_and_escaped(two):
    text = codaar_core.compare(two).as_latex()
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1]
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in lines} == {len(columns) - 1}
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    first = codaar_core.compare(two).rows[0].scores[0]
    assert rf"\textbf{{{100 * first.mean:.1f}}} $\pm$ {100 * first.deviation:.1f}" in text
    if shutil.which("pdflatex"):
        document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{text}\end{{document}}"
        done = subprocess.run(["pdflatex", "-halt-on-error"], input=document, text=True, capture_output=True)
        assert done.returncode == 0


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_text_of_others_stays_text(tmp_path):
    results = with_scores(sample_results(), benchmark=HOSTILE, metric=HOSTILE, train=HOSTILE, caveat=HOSTILE)
    comparison = codaar_core.compare([saved(tmp_path / "a", attrs.evolve(results, name=HOSTILE, data=HOSTILE))])
    page = Tags()
    page.feed(comparison.as_html())
    assert "script" not in page.found and page.open == []
    assert all(row[0].startswith("'=") for row in list(csv.reader(io.StringIO(comparison.as_csv())))[1:])
    latex = [line for line in comparison.as_latex().splitlines() if "script" in line and not line.startswith("% ")]
    assert not re.search(r"(?<!\\)[%_]|\\script", latex[0])
    assert "\x1b" not in shown(comparison) and "[red]" in shown(comparison)


def test_the_verb_writes_files(two, tmp_path):
    names = {"--html": "c.html", "--csv": "c.csv", "--latex": "c.tex"}
    options = [word for flag, name in names.items() for word in (flag, str(tmp_path / name))]
    done = CliRunner().invoke(codaar, ["compare", *map(str, two), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "classification: accuracy, %" in done.output and "avt-unaligned" in done.output
    comparison = codaar_core.compare(two)
    written = [(tmp_path / name).read_text("utf-8") for name in names.values()]
    assert written == [comparison.as_html(), comparison.as_csv(), comparison.as_latex()]
