"""How long ``codaar list`` takes with twenty more plug-ins installed, beside a Python that does nothing.

Prints one JSON line; the ratio was measured in one run, so that it means the same on any machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

PLUGINS = 20
LIST = "from codaar_core.cli import main; main()"
COMPONENT = '''"""A made-up component."""

import torch

from codaar_core.api import Loss


class Made(Loss):
    """Loses nothing."""
'''


def main() -> None:
    """Measure, alternating between the two commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=11)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PLUGINS):
            install(Path(folder), f"made-up-{number}")
        nothing, listing = [], []
        for _ in range(repeat):
            nothing.append(seconds([sys.executable, "-c", "pass"], folder))
            listing.append(seconds([sys.executable, "-c", LIST, "list"], folder))
    result = {
        "benchmark": "startup",
        "plugins": PLUGINS,
        "nothing_seconds": round(median(nothing), 4),
        "list_seconds": round(median(listing), 4),
        "ratio": round(median(listing) / median(nothing), 2),
    }
    print(json.dumps(result))


def install(site: Path, name: str) -> None:
    """Put a distribution with one component into a folder, as pip would."""
    package = f"codaar_plugin_{name.replace('-', '_')}"
    (site / package).mkdir()
    (site / package / "__init__.py").write_text(COMPONENT)
    info = site / f"{package}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: codaar-plugin-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[codaar.losses]\n{name} = {package}:Made\n")


def seconds(command: list[str], site: str) -> float:
    """Wall-clock time of a command that sees the made-up distributions."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": site})
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
