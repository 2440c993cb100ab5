"""The main job at full size: what the README promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

CONTROL = ("model.align=[]", 'model.losses=["reconstruction","commitment"]', 'evaluate.on=["classification"]')
CHANCE = 0.1


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


@pytest.mark.slow
def test_aligned_codes_transfer(recipe, tmp_path):
    results = run(recipe, tmp_path)
    assert headline(results, "classification") >= 0.8
    localization = [e for e in results["transfers"] if e["benchmark"] == "localization" and not e["caveat"]]
    assert {e["metric"] for e in localization} == {"segment_f1", "micro_precision"}
    agreement = results["curves"]["agreement"]
    assert all(series[-1] > 0.3 for series in agreement.values())


@pytest.mark.slow
def test_unaligned_codes_do_not(recipe, tmp_path):
    assert headline(run(recipe, tmp_path, CONTROL), "classification") <= CHANCE + 0.1
