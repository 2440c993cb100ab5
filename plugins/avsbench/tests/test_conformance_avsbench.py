"""The contract of the benchmark and of the head; of the benchmark in both modes, on small generated files."""

from __future__ import annotations

import pytest
from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4

from codaar_core.testing import codaar_checks
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.subjects import BenchmarkSubject

test_conformance = codaar_checks("codaar-plugin-avsbench")
CHECKS = [check for check in checks_of("benchmark") if check.name != "evaluates"]  # tests/endtoend has whole runs


def name(value: object) -> str:
    return getattr(value, "name", str(value))


@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize("check", CHECKS, ids=name)
def test_benchmark(check, mode, make_benchmark):
    class Subject(BenchmarkSubject):
        def build(self, context=None):
            return make_benchmark(mode)

        @property
        def context(self):
            return Surroundings

    subject = Subject("benchmark", "avsbench-s4", AvsbenchS4)
    if check.applies(subject):
        check(subject)


class Surroundings:
    modalities = ("audio", "video", "text")
