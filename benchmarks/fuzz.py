"""Damages recipes, files of every format and run directories: each must be read, or refused with a clear error.

Each case runs in a process of a pool, with 5 seconds and 1 GB of memory. It fails if the reader raises anything but a
CodaarError, prints an unexpected error or a traceback, does not end, ends the process, or writes outside its folder.

    python benchmarks/fuzz.py --seconds 60
    python benchmarks/fuzz.py --seed 7 --kinds recipe packed --cases 1000
    python benchmarks/fuzz.py --seed 7 --case packed 123      one case again, with its traceback and its files
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from fuzz_cases import KINDS, SHARES, write_corpus

SECONDS = 5.0  # of a case
MEMORY = 1 << 30  # bytes of a case
SHOWN = 40  # failures that are printed
TOLERATED = ("/dev/", "/proc/")  # writing there is no file


# One case, in a process of the pool


class Writes:
    """Records the paths outside a folder that this process opens for writing, creates, renames or removes."""

    def __init__(self) -> None:
        self.allowed: Path | None = None
        self.outside: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if flags else "w" in str(mode)
            paths = [path] if writes else []
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"):
            paths = [arguments[0] if event not in ("os.link", "os.symlink") else arguments[1]]
        elif event == "os.rename":
            paths = list(arguments[:2])
        else:
            return
        self.outside += [
            str(path) for path in paths if isinstance(path, (str, bytes, os.PathLike)) and self._is_out(path)
        ]

    def _is_out(self, path: Any) -> bool:
        written = os.path.realpath(os.fsdecode(path)) if b"\0" not in os.fsencode(path) else ""
        return (
            bool(written) and not written.startswith((str(self.allowed), *TOLERATED)) and "__pycache__" not in written
        )


def run_case(corpus: Path, folder: Path, seed: int, kind: str, number: int, writes: Writes | None = None) -> str:
    """Run one case in an empty folder; returns what is wrong, or "read" or "refused"."""
    from codaar_core.api import CodaarError

    random = Random(f"{seed}/{kind}/{number}")
    shutil.rmtree(folder, ignore_errors=True)
    inside = folder / "in" / "a" / "deep"
    inside.mkdir(parents=True)
    os.chdir(inside)
    read = KINDS[kind](corpus, inside, random)
    if writes:
        writes.allowed, writes.outside = inside.resolve(), []
    try:
        told = read()
    except CodaarError as error:
        return "refused" if error.message.strip() and "\n\n\n" not in error.message else f"empty message {error!r}"
    except MemoryError as error:
        return f"MemoryError {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error} ({place_of(error)})"[:500]
    finally:
        if writes:
            writes.allowed = None
    if writes and writes.outside:
        return f"wrote outside its folder: {writes.outside[0]}"
    if isinstance(told, str) and ("error: unexpected " in told or "Traceback (most recent" in told):
        return "printed " + " ".join(told[told.find("unexpected") :].split())[:400]
    return "refused" if isinstance(told, str) and "error" in told else "read"


def place_of(error: BaseException) -> str:
    """File and line where an exception was raised, in code of this repository where there is any."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "codaar" in frame.filename] or list(frames)
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}"


def cache_metadata() -> None:
    """Parse the metadata of each installed package once in this process, because nothing is installed meanwhile."""
    parsed = metadata.PathDistribution.metadata.fget  # type: ignore[attr-defined]
    known: dict[str, Any] = {}

    def cached(package: Any) -> Any:
        path = str(package._path)
        if path not in known:
            known[path] = parsed(package)
        return known[path]

    metadata.PathDistribution.metadata = property(cached)  # type: ignore[misc,assignment]


def work(corpus: Path, folder: Path) -> None:
    """Read cases from the standard input, one JSON line each, and write what each gave."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warnings.simplefilter("ignore")
    writes = Writes()
    cache_metadata()
    for kind in KINDS:  # imports what the cases need, before memory is limited
        run_case(corpus, folder, 0, kind, 0)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    out.write("ready\n")
    for line in sys.stdin:
        out.write(json.dumps(run_case(corpus, folder, *json.loads(line), writes)) + "\n")


# The pool


class Worker:
    """A process that runs cases one after another."""

    def __init__(self, corpus: Path, folder: Path) -> None:
        self.corpus, self.folder = corpus, folder
        self.case: tuple[int, str, int] | None = None
        self._start()

    def _start(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
        command = [sys.executable, __file__, "--work", str(self.corpus), str(self.folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
        if self._line() != b"ready\n":
            raise SystemExit("a process of the pool does not start; run with --case to see why")

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def give(self, case: tuple[int, str, int]) -> None:
        """Start a case."""
        assert self.process.stdin is not None
        self.case, self.since = case, time.monotonic()
        self.process.stdin.write(json.dumps(case).encode() + b"\n")
        self.process.stdin.flush()

    def is_late(self) -> bool:
        """Whether the case has had its time; more of it while others keep this computer busy."""
        return time.monotonic() - self.since > SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

    def result(self) -> str:
        """Give the result of a case that has ended or is late; a process that hangs or died is replaced."""
        if not select.select([self.process.stdout], [], [], 0)[0]:
            self.stop()
            self._start()
            return f"did not end in {SECONDS:g} seconds"
        line = self._line()
        if line:
            return str(json.loads(line))
        code = self.process.wait()
        self._start()
        return f"ended the process with {code}"

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def cases(seed: int, kinds: list[str]) -> Iterator[tuple[int, str, int]]:
    """All kinds in turn, without end."""
    number = 0
    while True:
        for kind in kinds:
            for each in range(SHARES.get(kind, 1)):
                yield seed, kind, number * SHARES.get(kind, 1) + each
        number += 1


def fuzz(seed: int, kinds: list[str], more: Callable[[int, float], bool], processes: int) -> tuple[Counter, dict]:
    """Run cases while ``more(done, seconds)`` holds; returns counts by kind and outcome, and the failures."""
    counts: Counter[tuple[str, str]] = Counter()
    failures: dict[tuple[int, str, int], str] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        corpus = Path(name, "corpus")
        write_corpus(corpus)
        workers = [Worker(corpus, Path(name, f"worker-{number}")) for number in range(processes)]
        start, todo = time.monotonic(), cases(seed, kinds)
        for worker in workers:
            worker.give(next(todo))
        try:
            while busy := [worker for worker in workers if worker.case]:
                ready, _, _ = select.select([worker.process.stdout for worker in busy], [], [], 0.2)
                for worker in busy:
                    if worker.process.stdout not in ready and not worker.is_late():
                        continue
                    (_, kind, _), result = worker.case or (0, "", 0), worker.result()
                    counts[kind, result if result in ("read", "refused") else "failed"] += 1
                    if result not in ("read", "refused"):
                        failures[worker.case or (0, "", 0)] = result
                    worker.case = None
                    if more(counts.total() + processes - 1, time.monotonic() - start):
                        worker.give(next(todo))
        finally:
            for worker in workers:
                worker.stop()
    return counts, failures


# The command


def show_case(seed: int, kind: str, number: int) -> None:
    """Run one case in this process, without limits, and keep its files."""
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{kind}-{number}-"))
    write_corpus(folder / "corpus")
    inside = folder / "case"
    inside.mkdir()
    read = KINDS[kind](folder / "corpus", inside, Random(f"{seed}/{kind}/{number}"))
    print(f"files: {inside}", flush=True)
    print(read())


def main() -> int:
    """Run and print one JSON line with counts, then every failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to go on")
    parser.add_argument("--cases", type=int, help="number of cases, in place of --seconds")
    parser.add_argument("--seed", type=int, help="default: random; it is printed")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), help="default: all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--case", nargs=2, metavar=("KIND", "NUMBER"), help="run one case of --seed again")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*map(Path, given.work))
        return 0
    seed = SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    if given.case:
        show_case(seed, given.case[0], int(given.case[1]))
        return 0
    more = lambda done, seconds: done < given.cases if given.cases else seconds < given.seconds  # noqa: E731
    counts, failures = fuzz(seed, given.kinds, more, given.processes)
    table = {kind: {what: n for (k, what), n in sorted(counts.items()) if k == kind} for kind in given.kinds}
    print(json.dumps({"seed": seed, "cases": sum(counts.values()), "failed": len(failures), "kinds": table}))
    for (_, kind, number), what in list(failures.items())[:SHOWN]:
        print(f"{kind} {number}: {what}\n   again: python benchmarks/fuzz.py --seed {seed} --case {kind} {number}")
    return bool(failures)


if __name__ == "__main__":
    raise SystemExit(main())
