"""Conformance of a single component in a configuration that a test makes, e.g. an extractor with weights on disk."""

from __future__ import annotations

from collections.abc import Collection

from codaar_core.api import Component
from codaar_core.testing.kit import cases_of
from codaar_core.testing.subjects import subject_of


def assert_passes(name: str, component: type[Component], needed: Collection[str] = ()) -> None:
    """Assert that a component passes every conformance check in each of its configurations, none being skipped.

    Args:
        name: Its name in recipes.
        component: Its class, with an ``example`` that can be built here.
        needed: Names of checks that must be among them.
    """
    subject = subject_of(component.kind, name, component)
    outcomes = [case.run() for each in (subject, *subject.variants()) for case in cases_of(each)]
    missing = set(needed) - {each.id.rpartition(":")[2] for each in outcomes}
    assert not missing, f"checks that did not run: {', '.join(sorted(missing))}"
    failed = [
        f"{each.id}: {each.state}: {each.message}" for each in outcomes if each.state not in ("passed", "expected")
    ]
    assert not failed, "\n".join(failed)
