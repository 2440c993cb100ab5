"""The whole contract of every component here."""

from __future__ import annotations

from codaar_core.testing import codaar_checks

test_conformance = codaar_checks("codaar-plugin-packaged")
