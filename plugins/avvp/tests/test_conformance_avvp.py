"""The contract of both benchmarks, on a generated copy of the data."""

from __future__ import annotations

import pytest

from codaar_core.testing import codaar_checks
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.subjects import BenchmarkSubject

ELSEWHERE = "the toy modalities are neither audio nor video: checked below"
test_conformance = codaar_checks(
    "codaar-plugin-avvp",
    expected_failures={"benchmark:avvp-localization:builds": ELSEWHERE, "benchmark:ave-avvp:builds": ELSEWHERE},
)


@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize("benchmark", ["avvp-localization", "ave-avvp"])
@pytest.mark.parametrize("check", checks_of("benchmark"), ids=lambda check: check.name)
def test_benchmark(check, benchmark, mode, make):
    class Subject(BenchmarkSubject):
        def build(self, context=None):
            return make(benchmark, mode)

        @property
        def context(self):
            return make(benchmark, mode)  # has modalities

    subject = Subject("benchmark", benchmark, type(make(benchmark)))
    if check.applies(subject):
        check(subject)
