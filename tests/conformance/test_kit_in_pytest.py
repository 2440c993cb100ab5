"""The one line in a plug-in's test file: ids, expected failures, strictness; and the kit without pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import codaar_plugin_dta
import pytest
import tomli
from codaar_plugin_dta.dta import Dta

from codaar_core.api import CodaarError
from codaar_core.registry import KINDS
from codaar_core.testing import check_plugin, codaar_checks
from codaar_core.testing.catalogue import page
from codaar_core.testing.kit import cases
from codaar_core.testing.parametrised import _report

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
METADATA = """\
Metadata-Version: 2.1
Name: codaar-plugin-newcomer
Version: 0.1
License-Expression: MIT
Requires-Dist: codaar-core>=0.1,<1

Read me.
"""
ENTRY_POINTS = """\
[codaar.alignments]
hasty = codaar_plugin_newcomer:Hasty
[codaar.encoders]
forgetful = codaar_plugin_newcomer:Forgetful
[codaar.losses]
missing = codaar_plugin_newcomer:Missing
"""
PLUGIN = '''"""Three mistakes of a newcomer."""

from torch import nn

from codaar_core.api import AlignmentStep, Encoder


class Hasty(AlignmentStep):
    """Mutates the codebooks in place."""

    expected_failures = {"fixed-point": "it shrinks on purpose", "row-order": "it does not fail at all"}

    def adjust(self, codebooks):
        for codebook in codebooks.values():
            codebook.mul_(0.5)
        return codebooks


class Forgetful(Encoder):
    """Forgets the super call."""

    def __init__(self, config, context):
        self.linear = nn.Linear(2, 2)

    def forward(self, features):
        return features
'''
TESTS = """\
from codaar_core.testing import codaar_checks

test_conformance = codaar_checks("codaar-plugin-newcomer")
"""


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """A folder with an installed plug-in that makes mistakes."""
    site = tmp_path_factory.mktemp("site")
    info = site / "codaar_plugin_newcomer-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "codaar_plugin_newcomer.py").write_text(PLUGIN)
    return site


def python(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run([sys.executable, *arguments], cwd=site, env=environment, capture_output=True, text=True)


def test_a_newcomer_is_told_what_to_change(newcomer):
    (newcomer / "test_mine.py").write_text(TESTS)
    done = python(newcomer, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_mine.py")
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    assert "PASSED test_mine.py::test_conformance[alignment:hasty:keys-and-shapes]" in said
    assert "XFAIL test_mine.py::test_conformance[alignment:hasty:fixed-point] - it shrinks on purpose" in said
    assert "FAILED test_mine.py::test_conformance[alignment:hasty:pure]" in said
    assert "Hasty.adjust mutated the codebook of 'north' in place" in said
    assert "Forgetful.__init__ does not call that of its base" in said
    assert "   = help: call super().__init__(config, context) before anything else" in said
    assert "FAILED test_mine.py::test_conformance[encoder:forgetful:builds]" in said
    assert "encoder:forgetful:gradients" not in said, "one red line for a component that cannot be built"
    assert "FAILED test_mine.py::test_conformance[package:newcomer:entry-points]" in said
    assert "has no attribute 'Missing'" in said
    assert "alignment:hasty:row-order was expected to fail (it does not fail at all), but it passes" in said
    assert "remove it from `expected_failures` of hasty" in said


def test_an_unknown_expected_failure_is_an_error(newcomer):
    typo = 'newcomer", {"alignment:hasty:row-ordre": "a slip of the pen"}'
    (newcomer / "test_typo.py").write_text(TESTS.replace('newcomer"', typo))
    done = python(newcomer, "-m", "pytest", "-p", "no:cacheprovider", "test_typo.py")
    assert done.returncode == 2, done.stdout
    assert "expected_failures names 'alignment:hasty:row-ordre', which is not a check of this plug-in" in done.stdout
    assert "did you mean 'alignment:hasty:row-order'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_kit_needs_no_pytest(newcomer):
    script = (
        "import sys\nfrom codaar_core.testing import check_plugin\n"
        "states = {each.id: each.state for each in check_plugin('newcomer')}\n"
        "assert states['alignment:hasty:pure'] == 'failed' and 'pytest' not in sys.modules\n"
        "assert states['alignment:hasty:fixed-point'] == 'expected'\nprint(len(states))"
    )
    done = python(newcomer, "-c", script)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_the_pytest_plugin_is_light(newcomer):
    script = "import sys, codaar_core.testing.pytest_plugin, codaar_core.testing\nassert 'torch' not in sys.modules"
    done = python(newcomer, "-c", script)
    assert done.returncode == 0, done.stderr


def test_expected_failures_of_a_call_work_as_before_with_a_warning():
    with pytest.warns(DeprecationWarning, match="use the class attribute `expected_failures`"):
        outcomes = {each.id: each for each in check_plugin("dta", {"alignment:dta:pure": "no reason"})}
    failed = outcomes["alignment:dta:pure"]
    assert failed.state == "failed" and "remove it from `expected_failures`" in failed.message
    with pytest.raises(CodaarError, match="not a check of this plug-in"), pytest.warns(DeprecationWarning):
        check_plugin("dta", {"alignment:dta:elegant": "?"})


def test_a_declared_failure_that_names_no_check_is_an_error(monkeypatch):
    monkeypatch.setattr(Dta, "expected_failures", {"pur": "a slip of the pen"}, raising=False)
    with pytest.raises(CodaarError) as caught:
        cases("dta")
    assert "`expected_failures` of alignment:dta names 'pur', which is not a check of it" in str(caught.value)
    assert "did you mean 'pure'?" in str(caught.value)


def test_failures_of_a_package_are_declared_in_its_top_package(monkeypatch):
    monkeypatch.setattr(codaar_plugin_dta, "expected_failures", {"readme": "written later"}, raising=False)
    case = next(case for case in cases("dta") if case.id == "package:dta:readme")
    assert case.expected == "written later"
    assert case.run().state == "failed", "it has a README"


def test_each_configuration_is_a_test_of_its_own(monkeypatch):
    monkeypatch.setattr(Dta, "examples", ({"own": 0.5}, {"own": 2.0}), raising=False)
    reasons = {"[own=2.0]:builds": "it is too much", "[own=0.5]:pure": "declared for one configuration"}
    monkeypatch.setattr(Dta, "expected_failures", reasons, raising=False)
    found = {case.id: case for case in cases("dta")}
    assert {"alignment:dta:pure", "alignment:dta[own=0.5]:pure"} <= set(found)
    assert "alignment:dta:described" in found and "alignment:dta[own=0.5]:described" not in found
    assert found["alignment:dta[own=0.5]:pure"].expected == reasons["[own=0.5]:pure"]
    assert found["alignment:dta:pure"].expected is None
    left = [each.rpartition(":")[2] for each in found if "own=2.0" in each]
    assert left == ["settings-round-trip", "builds"], "what needs a built component is left out"
    outcome = found["alignment:dta[own=2.0]:builds"].run()
    assert (outcome.state, outcome.message) == ("expected", "it is too much")


def test_unknown_distributions_are_refused():
    with pytest.raises(CodaarError) as caught:
        check_plugin("codaar-plugin-csx")
    assert "did you mean 'codaar-plugin-csa'?" in str(caught.value)
    assert "in its own folder: pip install -e ." in str(caught.value)  # the usual cause is a new plug-in


def test_ids_are_readable():
    (mark,) = codaar_checks("codaar-plugin-csa").pytestmark
    assert "alignment:csa:convex-hull" in mark.kwargs["ids"]
    assert "package:csa:readme" in mark.kwargs["ids"]
    assert all(re.fullmatch(r"[a-z]+:[\w.-]+(\[[^\]]+\])?:[a-z0-9-]+", each) for each in mark.kwargs["ids"])


def test_missing_data_are_no_failure():
    from codaar_core.api import DataError
    from codaar_core.testing.check import Check
    from codaar_core.testing.kit import Case
    from codaar_core.testing.package import installed_package

    def unreadable(subject):
        """Reads files."""
        raise DataError("no features in data/", "get them")

    outcome = Case(Check(unreadable, ("package",), lambda _: True), installed_package("csa")).run()
    assert outcome.state == "skipped" and "no features in data/" in outcome.message
    with pytest.raises(pytest.skip.Exception, match="no features"):
        _report(outcome)


def offers_components(folder: Path) -> bool:
    project = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return bool({kind.group for kind in KINDS.values()} & set(project.get("entry-points", {})))


@pytest.mark.parametrize("folder", list(filter(offers_components, PLUGINS)), ids=lambda folder: folder.name)
def test_every_plugin_of_this_repository_is_checked(folder):
    written = (folder / "tests" / f"test_conformance_{folder.name}.py").read_text("utf-8")
    distribution = f"codaar-plugin-{folder.name.replace('_', '-')}"
    assert re.search(rf'^test_conformance = codaar_checks\(\s*"{distribution}"', written, re.M)


def test_the_page_lists_the_checks_that_there_are():
    written = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    _, _, listed = written.partition("## The checks\n\n")
    assert listed.strip() == page().strip(), "python -m codaar_core.testing.catalogue writes it anew"
