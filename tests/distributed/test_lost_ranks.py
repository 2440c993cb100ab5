"""If one process of a run is killed, the others end, whatever they do at that time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("lost_ranks.py")
KILLED = "process 1 of the run was ended by SIGKILL"


def run(phase: str, killed: int, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, phase, str(killed), folder], capture_output=True, text=True, timeout=90
    )


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["merge", "gradients", "computes"])
def test_the_first_process_reports_which_one_was_lost(tmp_path, phase):
    assert f"RankLost: {KILLED}" in run(phase, 1, tmp_path).stdout


@pytest.mark.slow
def test_a_first_process_that_waits_outside_python_is_ended(tmp_path):
    done = run("waits", 1, tmp_path)
    assert done.returncode == 1
    assert f"error: {KILLED}" in done.stderr


@pytest.mark.slow
def test_a_process_that_waits_outside_python_ends_with_the_first(tmp_path):
    run("waits", 0, tmp_path)
    pid = (tmp_path / "rank-1").read_text()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
