"""Training steps and heads mix no devices and never wait for an accelerator, which is pretended.

Steps change nothing on the host either, so that each method's can be recorded as a CUDA graph.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("codaar_plugin_digits")

SCRIPT = Path(__file__).with_name("pretended_accelerator.py")
BASELINES = ("baseline", "baseline-shared", "cmcm", "dcid", "micu", "codis", "turn")
RECIPES = ("avt.toml", "beyond/avt.toml", *(f"baselines/{baseline}.toml" for baseline in BASELINES))
HEADS = ("classification", "localization")


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, int]]:
    """What was found, and how often, by recipe and by head."""
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*RECIPES, *HEADS])
def test_nothing_waits_or_mixes_devices(found, name):
    assert found[name] == {}


@pytest.mark.parametrize(
    "slip",
    [
        "_local_scalar_dense",
        "index by a mask",
        "_unique2",
        "from the host, waiting",
        "from the host, unpinned",
        "mixed devices in add",
        "to the host",
        "on the host: random numbers of view.generator",
        "on the host: the number of the step",
    ],
)
def test_what_waits_or_mixes_devices_is_found(found, slip):
    assert slip in " ".join(found["slips"])


def test_a_head_that_waits_is_found(found):
    assert "to the host" in " ".join(found["slip of a head"])
