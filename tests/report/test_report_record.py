from __future__ import annotations

import json
import subprocess
import sys

import attrs
import pytest
from sample_results import score

from codaar_core.api.errors import CodaarError, DataError
from codaar_core.engine.results import Results, Section, as_json
from codaar_core.report import read


def rewritten(run, change):
    """A run directory whose results.json was changed by hand."""
    path = run / "results.json"
    values = json.loads(path.read_text("utf-8"))
    change(values)
    path.write_text(json.dumps(values), "utf-8")
    return run


def test_reads_what_was_written(results, run_directory):
    results = attrs.evolve(results, sections=(Section(title="Atlas", html="<p>x</p>"),), notes=("a note",))
    assert read(run_directory(results)) == results


def test_reads_format_1(results, run_directory):
    """Format 1: no batch, no units and directions, the last epoch among the costs, sections as pairs."""

    def as_format_1(values):
        values["format"] = 1
        del values["batch"]
        for entry in values["transfers"]:
            del entry["unit"], entry["higher_is_better"]
        del values["pretraining"]["run"], values["pretraining"]["codewords"], values["pretraining"]["collapse"]
        values["pretraining"] |= values["pretraining"].pop("last_epoch")
        values["sections"] = [["Atlas", "<p>x</p>"]]

    section = Section(title="Atlas", html="<p>x</p>")
    expected = attrs.evolve(results, batch=None, sections=(section,))
    assert read(rewritten(run_directory(results), as_format_1)) == expected


def test_reads_format_2(results, run_directory):
    """Format 2: no measures on codes."""

    def as_format_2(values):
        values["format"] = 2
        del values["codes"], values["codewords"]

    assert read(rewritten(run_directory(results), as_format_2)) == results


def test_the_least_format_1_is_read(tmp_path):
    entry = {"benchmark": "b", "train": "x", "test": "y", "metric": "m"}
    values = {"format": 1, "name": "n", "mode": "strict", "modalities": ["x", "y"], "transfers": [entry]}
    (tmp_path / "results.json").write_text(json.dumps(values))
    (only,) = read(tmp_path).transfers
    assert (only.mean, only.unit, only.higher_is_better, only.headline, only.caveat) == (None, "%", True, True, "")


@pytest.mark.parametrize(
    "status, advice",
    [
        ("running", "wait"),
        ("interrupted", "--resume"),
        ("failed", "--resume"),
        ("finished", "--resume"),
        ("?", "--resume"),
    ],
)
def test_without_results_the_state_of_the_run_is_told(tmp_path, status, advice):
    (tmp_path / "status.json").write_text(json.dumps({"status": status, "message": "the disk is full"}))
    with pytest.raises(CodaarError, match=r"status is .* \(the disk is full\)") as raised:
        read(tmp_path)
    assert status in raised.value.message and str(tmp_path) in raised.value.message
    assert advice in raised.value.help


def test_a_folder_that_is_not_a_run(tmp_path):
    with pytest.raises(CodaarError, match="is not a run directory"):
        read(tmp_path)
    with pytest.raises(CodaarError, match="there is no folder"):
        read(tmp_path / "nowhere")


def test_a_newer_format_is_refused(results, run_directory):
    run = rewritten(run_directory(results), lambda values: values.update(format=4))
    with pytest.raises(DataError, match="results format 4, this version reads formats 1, 2 and 3") as raised:
        read(run)
    assert "lock.toml" in raised.value.help


def test_an_unfinished_record_is_refused(results, run_directory):
    with pytest.raises(CodaarError, match="status is interrupted"):
        read(run_directory(attrs.evolve(results, status="interrupted")))


def damage(values):
    del values["mode"], values["transfers"][0]["metric"]
    values["invented"] = 1
    values["transfers"][1]["mean"] = "0.5"
    values["curves"]["losses"]["total"].pop()
    values["alignment"][0]["matrix"].pop()


def test_every_defect_is_named_with_its_place(results, run_directory):
    with pytest.raises(DataError) as raised:
        read(rewritten(run_directory(results), damage))
    for told in (
        "results.json",
        "required field missing @ results.mode",
        "required field missing @ results.transfers[0].metric",
        "extra fields found (invented) @ results",
        "expected a number, got '0.5' @ results.transfers[1].mean",
        "'total' has 79 values for 80 steps @ results.curves",
        "the matrix of Dta must have 3 rows and columns, one for each modality @ results.alignment[0]",
    ):
        assert told in raised.value.message
    assert "evaluate again" in raised.value.help


@pytest.mark.parametrize("text", ['{"format": 1', "[]", "\0", "{}", '{"format": "2"}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=r"results\.json") as raised:
        read(tmp_path)
    assert "evaluate again" in raised.value.help


@pytest.mark.parametrize(
    "code",
    [
        "import codaar_core.report.page, codaar_core.report.tables",
        "from codaar_core.report import list_runs; assert list_runs('runs')[0].headlines[0].mean == 0.5",
        "from codaar_core.report import write; from pathlib import Path; write(Path('runs/judge/now'))",
    ],
)
def test_reports_need_no_torch(tmp_path, code):
    folder = tmp_path / "runs" / "judge" / "now"
    folder.mkdir(parents=True)
    small = Results(name="judge", mode="strict", modalities=("north", "south"), transfers=(score(),))
    (folder / "results.json").write_text(json.dumps(as_json(small)))
    (folder / "status.json").write_text('{"status": "finished"}')
    check = f"import sys; {code}; assert not {{'torch', 'matplotlib', 'numpy'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=tmp_path)
