"""codaar_checks: the tests of a plug-in, in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from codaar_core.api.errors import CodaarError
from codaar_core.testing.check import Violation
from codaar_core.testing.kit import Case, Outcome, cases, given_here


def codaar_checks(distribution: str, expected_failures: Mapping[str, str] | None = None) -> Callable[..., None]:
    """Make the test that runs the conformance checks on every component of a plug-in.

    ``test_conformance = codaar_checks("codaar-plugin-mine")`` is a whole test file: one test for each component,
    configuration and check, with ids like ``alignment:mine:convex-hull``.

    Args:
        distribution: The plug-in; it must be installed.
        expected_failures: Deprecated: declare ``expected_failures`` on the component's class.
    """
    given = given_here("codaar_checks", expected_failures)
    try:
        found = cases(distribution, given)
    except CodaarError as error:
        raise pytest.Collector.CollectError(str(error)) from error

    @pytest.mark.parametrize("codaar_case", found, ids=[case.id for case in found])
    def test_conformance(codaar_case: Case, request: pytest.FixtureRequest) -> None:
        seeds = request.config.getoption("--codaar-seeds", 1) if codaar_case.draws else 1
        for seed in range(seeds):
            _report(codaar_case.run(given.get(codaar_case.id), seed))

    return test_conformance


def _report(outcome: Outcome) -> None:
    """Report it as pytest does; an error that no check foresaw keeps its traceback."""
    if outcome.state == "skipped":
        pytest.skip(outcome.message)
    if outcome.state == "expected":
        pytest.xfail(outcome.message)
    if outcome.state == "failed":
        if outcome.error is not None and not isinstance(outcome.error, Violation):
            raise outcome.error
        pytest.fail(f"{outcome.reason}\n\n{outcome.message}", pytrace=False)
