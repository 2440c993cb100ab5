"""The contract of the benchmark and of the head; of the benchmark in both modes, on small generated files."""

from __future__ import annotations

from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4

from codaar_core.testing import codaar_checks
from codaar_core.testing.data_plugins import benchmark_checks

test_conformance = codaar_checks("codaar-plugin-avsbench")
test_benchmark = benchmark_checks(AvsbenchS4, "avsbench-s4", "make_benchmark")
