from __future__ import annotations

import json
import subprocess
import sys


def test_listing_with_twenty_plugins_is_quick(root):
    command = [sys.executable, root / "benchmarks" / "startup.py", "--repeat", "3"]
    (line,) = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    measured = json.loads(line)
    assert measured["plugins"] == 20
    assert measured["list_seconds"] < 2.5  # five times the promise, for busy machines
    assert measured["ratio"] == round(measured["ratio"], 2) > 1
