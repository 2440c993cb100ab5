"""Runs of toy components that are killed by SIGKILL, resumed, and compared with an undisturbed one, file by file.

Each run is a fork of this process, which has imported everything already: it takes a fraction of a second.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toy_run import toy_plan

from codaar_core import engine, report
from codaar_core.recipe import Plan
from codaar_core.report.page import render

WATCHDOG = 120  # seconds after which a run counts as hanging
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
VARYING = ("seconds", "directory")  # of results.json


def killable_plan(folder: Path) -> Plan:
    """A toy run with every kind of file; its directory is ``runs`` in the working folder.

    It is run once in this process, which imports everything that forks of this process need.
    """
    plan = toy_plan(folder, "run.directory='runs'", "run.best='total'", "device.ahead=0", "evaluate.every=2")
    before = os.getcwd()
    os.chdir(folder)
    engine.run(plan, write_report=report.write)
    os.chdir(before)
    return plan


class KilledAtOperation:
    """Sends SIGKILL to this process before its n-th operation that changes a file below ``folder``."""

    def __init__(self, folder: Path, n: int | None) -> None:
        self.folder, self.n, self.done = str(folder), n, 0
        flush = os.fsync
        os.fsync = lambda descriptor: (self.count(), flush(descriptor))[1]
        sys.addaudithook(self.audit)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        path = arguments[0] if changes else None
        if isinstance(path, (str, bytes, os.PathLike)) and self.inside(os.fsdecode(path)):
            self.count()

    def inside(self, path: str) -> bool:
        return os.path.join(os.getcwd(), path).startswith(self.folder)

    def count(self) -> None:
        if self.done == self.n:
            os.kill(os.getpid(), signal.SIGKILL)
        self.done += 1


def start(plan: Plan, folder: Path, n: int | None = None, work: Callable[[], object] | None = None) -> int:
    """Start ``codaar-run RECIPE --resume auto``, or ``work``, in ``folder``, in a process of its own; gives its number.

    With ``n``, it is killed before its n-th change of a file. At the end, it writes the number of changes to a file
    beside ``folder``, with the ending ``.changes``.
    """
    process = os.fork()
    if process:
        return process
    try:
        signal.alarm(WATCHDOG)
        warnings.simplefilter("ignore")
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        counter = KilledAtOperation(folder, n)
        engine.run(plan, "auto", write_report=report.write) if work is None else work()
        folder.with_suffix(".changes").write_text(str(counter.done))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def wait(process: int) -> int:
    """Wait for a process; gives its exit code, or minus the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_after(process: int, seconds: float) -> bool:
    """Kill a process after a time; gives whether it was still running."""
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)  # a process that has ended, and that nobody has waited for, ignores it
    return wait(process) == -signal.SIGKILL


def finish(plan: Plan, folder: Path) -> Path:
    """Resume the run until it is finished; gives its directory.

    Raises:
        AssertionError: It fails, or not exactly one run is finished.
    """
    assert wait(start(plan, folder)) == 0, "the resumed run failed"
    finished = [path.parent for path in folder.glob("runs/*/*/status.json") if _status(path) == "finished"]
    assert len(finished) == 1, finished
    return finished[0]


def _status(path: Path) -> str:
    return json.loads(path.read_text("utf-8"))["status"]


def contents(run: Path) -> dict[str, Any]:
    """Every file and folder of a run directory by its path, without times, process numbers and the path of the run.

    Raises:
        AssertionError: report.html is not the report of results.json.
    """
    return {str(path.relative_to(run)): _content(path) for path in sorted(run.rglob("*"))}


def _content(path: Path) -> Any:
    if path.is_dir():
        return "folder"
    if path.name == "report.html":
        assert path.read_text("utf-8") == render(report.read(path.parent)), "report.html is of other results"
        return "report"
    if path.name == "status.json":
        return {name: value for name, value in json.loads(path.read_text()).items() if name not in ("updated", "pid")}
    if path.name == "results.json":
        results = json.loads(path.read_text("utf-8"))
        results["pretraining"] = results["pretraining"]["last_epoch"]
        return {name: value for name, value in results.items() if name not in VARYING}
    return path.read_bytes()


def differences(run: Path, undisturbed: dict[str, Any]) -> list[str]:
    """Paths of the files that are missing, additional or different."""
    found = contents(run)
    return [path for path in sorted({*found, *undisturbed}) if found.get(path) != undisturbed.get(path)]
