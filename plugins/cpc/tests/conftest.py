"""Reference values computed with the released code."""

from __future__ import annotations

from codaar_core.testing.released_numbers import released_numbers  # noqa: F401
