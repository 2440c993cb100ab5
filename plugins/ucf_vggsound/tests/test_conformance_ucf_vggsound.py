"""The contract of the benchmark; in both modes, on a generated copy of the data."""

from __future__ import annotations

from codaar_plugin_ucf_vggsound.ucf_vggsound import UcfVggsound

from codaar_core.testing import codaar_checks
from codaar_core.testing.data_plugins import benchmark_checks

test_conformance = codaar_checks("codaar-plugin-ucf-vggsound")
test_benchmark = benchmark_checks(UcfVggsound, "ucf-vggsound", "make")
