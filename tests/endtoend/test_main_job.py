"""The main job at full size: what the README promises."""

from __future__ import annotations

import pytest
from main_job import headline, run


@pytest.mark.slow(seconds=180)
def test_aligned_codes_transfer(recipe, tmp_path):
    results = run(recipe, tmp_path)
    assert headline(results, "classification") >= 0.8
    localization = [e for e in results["transfers"] if e["benchmark"] == "localization" and not e["caveat"]]
    assert {e["metric"] for e in localization} == {"segment_f1", "micro_precision"}
    agreement = results["curves"]["agreement"]
    assert all(series[-1] > 0.1 for series in agreement.values())  # of 800 codewords; it varies with the machine
