from __future__ import annotations

import sys
from pathlib import Path

from codaar_core.testing.data_plugins import one_thread  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
