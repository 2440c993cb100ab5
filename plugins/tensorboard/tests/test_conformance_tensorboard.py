"""The conformance checks of every component of this plug-in."""

from __future__ import annotations

from codaar_core.testing import codaar_checks

test_conformance = codaar_checks("codaar-plugin-tensorboard")
