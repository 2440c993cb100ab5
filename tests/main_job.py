"""The main job at full size, run as a user does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean


def run(recipe: Path, folder: Path, overrides: tuple[str, ...] = ()) -> dict:
    """Run as a user does; gives the results."""
    options = [word for override in overrides for word in ("-o", override)]
    command = [str(Path(sys.executable).with_name("codaar-run")), str(recipe), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = Path(re.findall(r"^report: (\S+)$", done.stdout, re.MULTILINE)[-1])
    assert (folder / report).stat().st_size > 10_000
    return json.loads((folder / report.parent / "results.json").read_text("utf-8"))


def headline(results: dict, benchmark: str) -> float:
    counted = [
        e["mean"] for e in results["transfers"] if (e["benchmark"], e["headline"], e["caveat"]) == (benchmark, True, "")
    ]
    return fmean(counted)
