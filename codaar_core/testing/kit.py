"""The kit: which checks a plug-in is put to, and what came of each. Needs no pytest."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from codaar_core.api.component import Component
from codaar_core.api.errors import CodaarError, DataError
from codaar_core.registry import LoadProblem, did_you_mean
from codaar_core.registry.loading import load_installed
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.check import Check, Violation
from codaar_core.testing.package import Package, installed_package
from codaar_core.testing.subjects import subject_of

State = Literal["passed", "failed", "expected", "skipped"]
SETTINGS = ("frozen", "explained", "names", "round-trip", "schema")
WITHOUT_BUILDING = ("described", *(f"settings-{each}" for each in SETTINGS))
BEFORE_OTHERS = {
    "encoder": ("builds", "record"),
    "decoder": ("builds", "shape"),
    "quantizer": ("builds", "record"),
    "alignment": ("builds", "keys-and-shapes"),
    "loss": ("builds", "terms"),
    **dict.fromkeys(("extractor", "head", "data", "benchmark"), ("builds",)),
}
"""A component that fails one of these fails most others because of it: they are not run."""


@attrs.frozen
class Outcome:
    """What came of one check.

    "expected" is a failure that was announced; "skipped" a check whose data are not on this machine.
    """

    id: str
    state: State
    reason: str  # what the rule is
    message: str = ""  # what was expected, what came, and what to change
    error: BaseException | None = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen
class Case:
    """One check of one subject."""

    check: Check
    subject: Any

    @property
    def id(self) -> str:
        """``kind:name:check``."""
        return f"{self.subject.kind}:{self.subject.name}:{self.check.name}"

    @property
    def draws(self) -> bool:
        """Whether another seed may make a difference."""
        return not isinstance(self.subject, Package)

    def run(self, expected: str | None = None, seed: int = 0) -> Outcome:
        """Put the subject to the check.

        Args:
            expected: Why it is expected to fail; None where it is not.
            seed: Of weights and inputs.
        """
        try:
            self.check(self._seeded(seed))
        except DataError as error:
            return self._outcome("skipped", str(error))
        except Violation as violation:
            return self._failed(expected, str(violation), violation)
        except Exception as error:
            return self._failed(expected, _crash(error), error)
        if expected is not None:
            help = f"\n   = help: remove {self.id!r} from expected_failures"
            return self._outcome("failed", f"it was expected to fail ({expected}), but it passes{help}")
        return self._outcome("passed")

    def _seeded(self, seed: int) -> Any:
        """The subject with a seed; the same object where it has that already, for it remembers what it has built."""
        same = not self.draws or self.subject.seed == seed
        return self.subject if same else attrs.evolve(self.subject, seed=seed)

    def _failed(self, expected: str | None, message: str, error: BaseException) -> Outcome:
        if expected is not None:
            return self._outcome("expected", expected)
        return self._outcome("failed", message, error)

    def _outcome(self, state: State, message: str = "", error: BaseException | None = None) -> Outcome:
        return Outcome(self.id, state, self.check.reason, message, error)


def _crash(error: Exception) -> str:
    """An error that no check foresaw, and where it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if "codaar_core" not in frame.filename] or frames
    foreign = [frame for frame in outside if "/torch/" not in frame.filename] or outside
    return f"{type(error).__name__}: {error} ({foreign[-1].filename}:{foreign[-1].lineno})"


def check_plugin(distribution: str, expected_failures: Mapping[str, str] | None = None, seed: int = 0) -> list[Outcome]:
    """Put every component of an installed plug-in to the checks of its kind.

    Args:
        distribution: "codaar-plugin-mine", or "mine".
        expected_failures: Reasons by id of the check; a check that passes nevertheless has failed.
        seed: Of weights and inputs.

    Raises:
        CodaarError: No such distribution offers components, or an expected failure names no check.
    """
    expected = expected_failures or {}
    return [case.run(expected.get(case.id), seed) for case in cases(distribution, expected)]


def cases(distribution: str, expected_failures: Mapping[str, str] | None = None) -> list[Case]:
    """Every check that applies to a component of an installed plug-in, package first.

    Raises:
        CodaarError: No such distribution offers components, or an expected failure names no check.
    """
    package = installed_package(distribution)
    alone = [Case(check, package) for check in checks_of("package")]
    components = subjects(package)
    known = [case for subject in components for case in _applicable(subject, checks_of(subject.kind))]
    refuse_unknown(expected_failures or {}, [case.id for case in [*alone, *known]])
    return [*alone, *(case for subject in components for case in cases_of(subject))]


def subjects(package: Package) -> list[Any]:
    """The components of a package that can be loaded; the others are the business of ``entry-points``."""
    loaded: list[tuple[str, str, type[Component]]] = []
    for entry in package.entries:
        try:
            loaded.append((entry.kind, entry.name, load_installed(entry)))
        except LoadProblem:
            continue
    data = tuple(subject_of(*each) for each in loaded if each[0] == "data")
    return [subject_of(*each, data=data) for each in loaded]


def cases_of(subject: Any) -> list[Case]:
    """The checks that apply to a component. One that cannot be built, or misses its shape, has one red line."""
    checks = checks_of(subject.kind)
    first = [check for check in checks if check.name in BEFORE_OTHERS.get(subject.kind, ())]
    wrong = next((check for check in first if not _holds(check, subject)), None)
    if wrong is not None:
        checks = [check for check in checks if check is wrong or check.name in WITHOUT_BUILDING]
    return _applicable(subject, checks)


def _holds(check: Check, subject: Any) -> bool:
    """Whether nothing is wrong, as far as can be told without data."""
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
    """Where that cannot be told, the check is to tell why."""
    try:
        return check.applies(subject)
    except Exception:
        return True


def refuse_unknown(expected_failures: Mapping[str, str], ids: list[str]) -> None:
    """Raise a CodaarError for an expected failure that names no check."""
    for key in expected_failures:
        if key not in ids:
            same = [each for each in ids if each.rpartition(":")[0] == key.rpartition(":")[0]]
            known = ", ".join(each.rpartition(":")[2] for each in same)
            help = did_you_mean(key, ids) or (f"its checks are {known}" if same else "the form is kind:name:check")
            raise CodaarError(f"expected_failures names {key!r}, which is no check of this plug-in", help)
