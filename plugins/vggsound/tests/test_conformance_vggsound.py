"""The conformance kit of core."""

from __future__ import annotations

from codaar_core.testing import codaar_checks

test_conformance = codaar_checks("codaar-plugin-vggsound")
