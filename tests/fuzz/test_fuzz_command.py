"""The fuzz command: a short run of it, and that it notices what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import fuzz  # noqa: E402
import fuzz_cases  # noqa: E402


@pytest.mark.slow(seconds=30)
def test_a_short_run_finds_nothing():
    command = [sys.executable, str(BENCHMARKS / "fuzz.py"), "--seconds", "10", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[0])
    assert report["seed"] == 1 and report["failed"] == 0 and report["cases"] > 0
    assert set(report["kinds"]) == set(fuzz_cases.KINDS)


FAULTS = {
    "exception": (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
    "printed": (lambda: "error: unexpected KeyError: 3", "printed unexpected KeyError: 3"),
    "written": (lambda: Path("../../../outside").write_text("x"), "wrote outside its folder: "),
    "memory": (lambda: (_ for _ in ()).throw(MemoryError()), "MemoryError"),
}
WRITES = []


@pytest.mark.parametrize("case", FAULTS)
def test_what_a_case_may_not_do_is_noticed(case, tmp_path, monkeypatch):
    read, told = FAULTS[case]
    monkeypatch.setitem(fuzz.KINDS, "made-up", lambda corpus, folder, random: read)
    monkeypatch.chdir(tmp_path)
    WRITES.append(fuzz.Writes())
    assert told in fuzz.run_case(tmp_path, tmp_path / "case", 1, "made-up", 1, WRITES[-1])


def test_a_case_inside_its_folder_is_good(tmp_path, monkeypatch):
    monkeypatch.setitem(fuzz.KINDS, "made-up", lambda *_: lambda: Path("inside").write_text("x"))
    monkeypatch.chdir(tmp_path)
    WRITES.append(fuzz.Writes())
    assert fuzz.run_case(tmp_path, tmp_path / "case", 1, "made-up", 1, WRITES[-1]) == "read"


@pytest.mark.parametrize("mutate", [fuzz_cases.damaged, fuzz_cases.damaged_bytes])
def test_a_seed_gives_the_same_damage(mutate):
    content = b'[run]\nname = "a"\nseed = 3\n' * 9
    assert mutate(content, Random("1/recipe/2")) == mutate(content, Random("1/recipe/2"))
    assert len({mutate(content, Random(str(number))) for number in range(20)}) > 10


def test_processes_that_end_or_hang_are_replaced(tmp_path, monkeypatch):
    """The pool itself, with a process that does as it is told."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    kind = json.loads(line)[1]\n"
        "    time.sleep(60 if kind == 'hang' else 0)\n"
        "    kind == 'crash' and os.kill(os.getpid(), 9)\n"
        "    print(json.dumps('read'), flush=True)\n"
    )
    monkeypatch.setattr(fuzz, "__file__", str(script))
    monkeypatch.setattr(fuzz, "SECONDS", 0.3)
    worker = fuzz.Worker(tmp_path, tmp_path)
    try:
        for kind, told in (("read", "read"), ("crash", "ended the process with -9"), ("hang", "did not end in 0.3")):
            worker.give((1, kind, 0))
            while not (worker.is_late() or kind != "hang"):
                time.sleep(0.05)
            if kind != "hang":
                time.sleep(0.5)
            assert worker.result().startswith(told)
    finally:
        worker.stop()
