"""The kit: which checks apply to the components of a plug-in, and the outcome of each. Needs no pytest."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from codaar_core.api.component import Component
from codaar_core.api.deprecation import warn_renamed
from codaar_core.api.errors import CodaarError, DataError
from codaar_core.registry import LoadProblem, did_you_mean
from codaar_core.registry.loading import load_installed
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.check import Check, Violation
from codaar_core.testing.package import Package, installed_package
from codaar_core.testing.subjects import DataSubject, Subject, subject_of

State = Literal["passed", "failed", "expected", "skipped"]
SETTINGS = ("frozen", "explained", "names", "round-trip", "schema")
WITHOUT_BUILDING = ("described", *(f"settings-{each}" for each in SETTINGS))
BEFORE_OTHERS = {
    "encoder": ("builds", "record"),
    "decoder": ("builds", "shape"),
    "quantizer": ("builds", "record"),
    "alignment": ("builds", "keys-and-shapes"),
    "loss": ("builds", "distances-declared", "terms"),
    **dict.fromkeys(("extractor", "head", "data", "benchmark"), ("builds",)),
}
"""A component that fails one of these fails most others because of it: the others are not run then."""


@attrs.frozen
class Outcome:
    """The outcome of one check.

    "expected" is a failure that was declared; "skipped" a check whose data are not on this machine.
    """

    id: str
    state: State
    reason: str  # the rule
    message: str = ""  # what was expected, what came, and what to change
    error: BaseException | None = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen
class Case:
    """One check of one subject."""

    check: Check
    subject: Any

    @property
    def id(self) -> str:
        """``kind:name[configuration]:check``; without brackets for the first configuration."""
        return f"{self.subject.kind}:{self.subject.name}{self.subject.configuration}:{self.check.name}"

    @property
    def expected(self) -> str | None:
        """The declared reason for which the subject fails this check; None where it must pass."""
        declared = self.subject.expected_failures
        return next((declared[key] for key in self.keys if key in declared), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of ``expected_failures`` that mean this case."""
        narrow = f"{self.subject.configuration}:{self.check.name}"
        return (narrow, self.check.name) if self.subject.configuration else (self.check.name,)

    @property
    def draws(self) -> bool:
        """Whether its outcome may depend on the seed."""
        return not isinstance(self.subject, Package)

    def run(self, expected: str | None = None, seed: int = 0) -> Outcome:
        """Run the check on the subject.

        Args:
            expected: Why it is expected to fail; None: what the subject declares.
            seed: Of weights and inputs.
        """
        expected = self.expected if expected is None else expected
        try:
            self.check(self._seeded(seed))
        except DataError as error:
            return self._outcome("skipped", str(error))
        except Violation as violation:
            return self._failed(expected, str(violation), violation)
        except Exception as error:
            return self._failed(expected, _crash(error), error)
        if expected is not None:
            help = f"\n   = help: remove it from `expected_failures` of {self.subject.name}"
            return self._outcome("failed", f"{self.id} was expected to fail ({expected}), but it passes{help}")
        return self._outcome("passed")

    def _seeded(self, seed: int) -> Any:
        """The subject with a seed; unchanged where it has that seed already, as it caches what it built."""
        same = not self.draws or self.subject.seed == seed
        return self.subject if same else attrs.evolve(self.subject, seed=seed)

    def _failed(self, expected: str | None, message: str, error: BaseException) -> Outcome:
        if expected is not None:
            return self._outcome("expected", expected)
        return self._outcome("failed", message, error)

    def _outcome(self, state: State, message: str = "", error: BaseException | None = None) -> Outcome:
        return Outcome(self.id, state, self.check.reason, message, error)


def _crash(error: Exception) -> str:
    """Describe an unexpected error, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if "codaar_core" not in frame.filename] or frames
    foreign = [frame for frame in outside if "/torch/" not in frame.filename] or outside
    return f"{type(error).__name__}: {error} ({foreign[-1].filename}:{foreign[-1].lineno})"


def check_plugin(distribution: str, expected_failures: Mapping[str, str] | None = None, seed: int = 0) -> list[Outcome]:
    """Run the conformance checks on every component of an installed plug-in.

    Args:
        distribution: "codaar-plugin-mine", or "mine".
        expected_failures: Deprecated: declare ``expected_failures`` on the component's class.
        seed: Of weights and inputs.

    Raises:
        CodaarError: No such distribution offers components, or an expected failure does not name a check.
    """
    given = given_here("check_plugin", expected_failures)
    return [case.run(given.get(case.id), seed) for case in cases(distribution, given)]


def given_here(function: str, expected_failures: Mapping[str, str] | None) -> Mapping[str, str]:
    """Reasons by id that are given in a call; they are not known to ``codaar check-plugin``, hence the warning."""
    if expected_failures:
        warn_renamed(
            f"{function}(expected_failures=...)",
            "the class attribute `expected_failures` of the component",
            stacklevel=4,
        )
    return expected_failures or {}


def cases(distribution: str, given: Mapping[str, str] | None = None) -> list[Case]:
    """Every check that applies to a component of an installed plug-in, package first.

    Args:
        distribution: "codaar-plugin-mine", or "mine".
        given: Expected failures by id, in addition to those that components declare.

    Raises:
        CodaarError: No such distribution offers components, or an expected failure does not name a check.
    """
    package = installed_package(distribution)
    tested = [package, *subjects(package)]
    known = [case for subject in tested for case in _applicable(subject, _checks_for(subject))]
    _refuse_unknown_ids(given or {}, [case.id for case in known])
    for name, declared in _declared(tested).items():
        _refuse_unknown_keys(
            name, declared, {key for case in known if _name(case.subject) == name for key in case.keys}
        )
    return [case for subject in tested for case in cases_of(subject)]


def subjects(package: Package) -> list[Subject]:
    """The components of a package that can be loaded, each in all its configurations.

    Those that cannot be loaded fail the check ``entry-points`` of the package.
    """
    loaded: list[tuple[str, str, type[Component]]] = []
    for entry in package.entries:
        try:
            loaded.append((entry.kind, entry.name, load_installed(entry)))
        except LoadProblem:
            continue
    data = tuple(subject for each in loaded if isinstance(subject := subject_of(*each), DataSubject))
    return [each for kind, name, component in loaded for each in _configured(kind, name, component, data)]


def _configured(kind: str, name: str, component: type[Component], data: tuple[DataSubject, ...]) -> list[Subject]:
    """A component in all its configurations; benchmarks see the data sources of their package."""
    subject = subject_of(kind, name, component, **({"data": data} if kind == "benchmark" else {}))
    return [subject, *subject.variants()]


def cases_of(subject: Any) -> list[Case]:
    """The checks that apply to a component; if it cannot be built or has wrong shapes, only the check that says so."""
    checks = _checks_for(subject)
    first = [check for check in checks if check.name in BEFORE_OTHERS.get(subject.kind, ())]
    wrong = next((check for check in first if not _holds(check, subject)), None)
    if wrong is not None:
        checks = [check for check in checks if check is wrong or check.name in WITHOUT_BUILDING]
    return _applicable(subject, checks)


def _holds(check: Check, subject: Any) -> bool:
    """Whether the check passes, or needs data that are missing."""
    try:
        check(subject)
    except DataError:
        return True
    except Exception:
        return False
    return True


def _applicable(subject: Any, checks: list[Check]) -> list[Case]:
    return [Case(check, subject) for check in checks if _applies(check, subject)]


def _applies(check: Check, subject: Any) -> bool:
    """Whether a check applies; where that fails, the check is run and reports why."""
    try:
        return check.applies(subject)
    except Exception:
        return True


def _checks_for(subject: Any) -> list[Check]:
    """The checks of its kind; those of a class in its first configuration only."""
    return [check for check in checks_of(subject.kind) if not (check.once and subject.configuration)]


def _name(subject: Any) -> str:
    return f"{subject.kind}:{subject.name}"


def _declared(tested: list[Any]) -> dict[str, Mapping[str, str]]:
    """Declared expected failures, by ``kind:name``."""
    return {_name(subject): subject.expected_failures for subject in tested}


def _refuse_unknown_keys(name: str, declared: Mapping[str, str], known: set[str]) -> None:
    """Raise a CodaarError for a declared failure that does not name a check of the component."""
    for key in declared:
        if key not in known:
            help = did_you_mean(key, sorted(known)) or f"its checks are {', '.join(sorted(known))}"
            raise CodaarError(f"`expected_failures` of {name} names {key!r}, which is not a check of it", help)


def _refuse_unknown_ids(given: Mapping[str, str], ids: list[str]) -> None:
    """Raise a CodaarError for an expected failure that does not name a check."""
    for key in given:
        if key not in ids:
            same = [each for each in ids if each.rpartition(":")[0] == key.rpartition(":")[0]]
            known = ", ".join(each.rpartition(":")[2] for each in same)
            help = did_you_mean(key, ids) or (f"its checks are {known}" if same else "the form is kind:name:check")
            raise CodaarError(f"expected_failures names {key!r}, which is not a check of this plug-in", help)
