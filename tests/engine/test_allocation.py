"""What is freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codaar_core.engine import allocation

HOLES = """
import sys
import torch
from codaar_core.engine.allocation import return_large_blocks

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "returned" and not return_large_blocks():
    sys.exit("no glibc")
torch.ones(7, 2**20)  # 28 MB: glibc keeps from now on what is smaller
kept = []
before = held()
for _ in range(40):
    block = torch.ones(5, 2**20)
    kept.append((block, torch.ones(20_000)))
kept = [small for _, small in kept]
del block
print(held() - before)
"""


def left(way: str) -> int:
    done = subprocess.run([sys.executable, "-c", HOLES, way], capture_output=True, text=True)
    if "no glibc" in done.stderr:
        pytest.skip("no glibc here")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_no_holes_stay_where_large_tensors_were():
    returned, own = left("returned"), left("kept")
    assert returned < 50_000_000
    assert own > returned + 300_000_000


def test_who_has_set_it_is_not_overruled(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    assert not allocation.return_large_blocks()
