"""The contract of both benchmarks; in both modes, on a generated copy of the data."""

from __future__ import annotations

from codaar_plugin_avvp.ave_to_avvp import AveAvvp
from codaar_plugin_avvp.localization import AvvpLocalization

from codaar_core.testing import codaar_checks
from codaar_core.testing.data_plugins import benchmark_checks

test_conformance = codaar_checks("codaar-plugin-avvp")
test_localization = benchmark_checks(AvvpLocalization, "avvp-localization", "make")
test_ave_avvp = benchmark_checks(AveAvvp, "ave-avvp", "make_ave_avvp")
