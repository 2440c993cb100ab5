"""Large tensors lie in 2 MB pages, and their memory is returned to the system when they are freed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codaar_core.engine.devices import cpu_memory

FREES_LARGE_BLOCKS = """
import sys
import torch
from codaar_core.engine.devices.cpu_memory import return_large_blocks

def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "returned" and not return_large_blocks():
    sys.exit("no glibc")
torch.ones(7, 2**20)  # 28 MB: after this, glibc keeps freed blocks that are smaller
kept = []
before = resident_bytes()
for _ in range(40):
    block = torch.ones(5, 2**20)
    kept.append((block, torch.ones(20_000)))
kept = [small for _, small in kept]
del block
print(resident_bytes() - before)
"""


def growth(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", FREES_LARGE_BLOCKS, mode], capture_output=True, text=True)
    if "no glibc" in done.stderr:
        pytest.skip("no glibc here")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_freed_large_tensors_return_their_memory():
    returned, kept = growth("returned"), growth("kept")
    assert returned < 50_000_000
    assert kept > returned + 300_000_000


def test_threshold_set_by_the_user_is_respected(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    assert not cpu_memory.return_large_blocks()


LARGE_PAGES = """
import torch
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.recipe.settings import DeviceSettings

make_runtime(DeviceSettings(on="cpu"))
large = torch.ones(10_000_000)
[line] = [line for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")]
print(line.split()[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="large pages are requested on Linux only")
def test_large_tensors_lie_in_large_pages(monkeypatch):
    switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not switch.exists() or "[never]" in switch.read_text():
        pytest.skip("large pages are disabled")
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)  # an earlier test may have set it
    done = subprocess.run([sys.executable, "-c", LARGE_PAGES], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 30_000  # KiB
