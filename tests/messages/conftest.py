"""Made-up plug-ins, shared by the tests of registry, recipe, messages and command line."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from toy_plugins import here, site, toy  # noqa: E402, F401
