from __future__ import annotations

import json
import subprocess
import sys

import pytest

from codaar_core.api.errors import CodaarError, DataError
from codaar_core.report import read


def test_reads_what_was_written(results, run_directory):
    assert read(run_directory(results)) == results


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
def test_no_results_says_how_the_run_stands(tmp_path, status, advice):
    (tmp_path / "status.json").write_text(json.dumps({"status": status, "message": "the disk is full"}))
    with pytest.raises(CodaarError, match=r"status is .* \(the disk is full\)") as raised:
        read(tmp_path)
    assert status in raised.value.message and str(tmp_path) in raised.value.message
    assert advice in raised.value.help


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(CodaarError, match="is no run directory"):
        read(tmp_path / "nowhere")


def test_another_format_is_refused(results, run_directory):
    with pytest.raises(DataError, match="format 2, this version reads format 1") as raised:
        read(run_directory({**results, "format": 2}))
    assert "lock.toml" in raised.value.help


def test_an_unfinished_record_is_refused(results, run_directory):
    with pytest.raises(CodaarError, match="status is interrupted"):
        read(run_directory({**results, "status": "interrupted"}))


def test_a_lacking_key_is_named(results, run_directory):
    del results["transfers"], results["mode"]
    with pytest.raises(DataError, match="lacks mode, transfers"):
        read(run_directory(results))


@pytest.mark.parametrize("text", ['{"format": 1', "[]", "\0"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=r"results\.json"):
        read(tmp_path)


def test_importing_the_report_imports_neither_torch_nor_matplotlib():
    code = "import sys, codaar_core.report; assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
