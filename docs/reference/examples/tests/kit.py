"""check_plugin, codaar_checks, Outcome

`codaar_checks` makes the test function of a plug-in's tests/test_conformance.py; `check_plugin` needs no pytest.
"""

from codaar_core.testing import Outcome, check_plugin, codaar_checks

test_conformance = codaar_checks("codaar-plugin-csa")

outcomes: list[Outcome] = check_plugin("codaar-plugin-csa")
assert {outcome.state for outcome in outcomes} == {"passed"}
assert any(outcome.id.startswith("alignment:csa") for outcome in outcomes)
