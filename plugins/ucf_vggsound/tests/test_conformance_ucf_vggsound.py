"""The contract of the benchmark; in both modes, on a generated copy of the data."""

from __future__ import annotations

import pytest
from codaar_plugin_ucf_vggsound.ucf_vggsound import UcfVggsound

from codaar_core.testing import codaar_checks
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.subjects import BenchmarkSubject

test_conformance = codaar_checks("codaar-plugin-ucf-vggsound")
CHECKS = [check for check in checks_of("benchmark") if check.name != "evaluates"]  # tests/endtoend has whole runs


@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_benchmark(check, mode, make):
    class Subject(BenchmarkSubject):
        def build(self, context=None):
            return make(mode)

        @property
        def context(self):
            return make(mode)  # has modalities

    subject = Subject("benchmark", "ucf-vggsound", UcfVggsound)
    if check.applies(subject):
        check(subject)
