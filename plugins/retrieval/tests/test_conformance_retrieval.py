"""The whole contract of both benchmarks; what needs their data is in test_retrieval_benchmarks."""

from __future__ import annotations

from codaar_core.testing import codaar_checks

test_conformance = codaar_checks("codaar-plugin-retrieval")
