"""Reference values computed with the released code, and its table of word pieces."""

from __future__ import annotations

from codaar_core.testing.released_numbers import released_numbers, shared  # noqa: F401
