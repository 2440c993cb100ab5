from __future__ import annotations

from codaar_core.testing.data_plugins import one_thread  # noqa: F401
