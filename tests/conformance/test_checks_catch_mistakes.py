"""Every check fails on a component that breaks its rule, with its message, and passes on a good one."""

from __future__ import annotations

import attrs
import pytest
from good_components import GOOD, VARIANTS, GoodBenchmark, GoodData, GoodNamingBenchmark
from wrong import WRONG

from codaar_core import api
from codaar_core.registry import Entry
from codaar_core.testing.catalogue import CHECKS, checks_of
from codaar_core.testing.kit import BEFORE_OTHERS, WITHOUT_BUILDING, Case, cases_of
from codaar_core.testing.package import installed_package
from codaar_core.testing.subjects import subject_of

BAD = [
    pytest.param(kind, name, wrong, message, id=f"{kind}:{name}:{wrong.__name__}")
    for (kind, name), found in WRONG.items()
    for wrong, message in found
]
FINE = [*GOOD.items(), *VARIANTS]


def subject(kind, component):
    data = {"data": (subject_of("data", "good", GoodData),)} if issubclass(component, GoodBenchmark) else {}
    return subject_of(kind, "toy", component, **data)


def check_called(kind, name):
    return next(check for check in checks_of(kind) if check.name == name)


@pytest.mark.parametrize(("kind", "component"), FINE, ids=[component.__name__ for _, component in FINE])
def test_a_good_component_passes_every_check_with_any_seed(kind, component):
    cases = cases_of(subject(kind, component))
    assert len(cases) > 5
    for case in cases:
        for seed in range(3):
            outcome = case.run(seed=seed)
            assert outcome.state == "passed", f"{outcome.id}: {outcome.message}"


@pytest.mark.parametrize(("kind", "name", "wrong", "message"), BAD)
def test_a_mistake_is_caught_and_the_message_says_what_to_change(kind, name, wrong, message):
    outcome = Case(check_called(kind, name), subject(kind, wrong)).run()
    assert outcome.state == "failed", outcome
    assert message in outcome.message
    assert "\n   = help: " in outcome.message


@pytest.mark.parametrize("kind", GOOD)
def test_all_checks_of_a_kind_apply_to_some_good_component(kind):
    components = [component for each, component in FINE if each == kind]
    applied = {case.check.name for component in components for case in cases_of(subject(kind, component))}
    assert applied == {check.name for check in checks_of(kind)}


def test_every_check_has_its_bad_example():
    caught = {name for _, name in WRONG} | {name for name, *_ in MISTAKES}
    assert caught == {check.name for checks in CHECKS.values() for check in checks}


def test_a_bad_example_lies_in_the_file_called_as_that_of_its_check():
    for (kind, name), found in WRONG.items():
        (file,) = (file for file, checks in CHECKS.items() if check_called(kind, name) in checks)
        assert {wrong.__module__ for wrong, _ in found} == {f"wrong.{file}"}, f"{kind}:{name}"


def test_a_benchmark_refuses_a_model_without_what_it_needs():
    context = api.BenchmarkContext(("north", "sight"), None, "strict")
    with pytest.raises(api.ComponentError, match="needs sight and touch, and the model has no 'touch'"):
        GoodNamingBenchmark(GoodNamingBenchmark.Config(), context)


@pytest.mark.parametrize("kind", BEFORE_OTHERS)
def test_checks_that_come_before_others_exist(kind):
    assert {*BEFORE_OTHERS[kind], *WITHOUT_BUILDING} <= {check.name for check in checks_of(kind)}


def test_every_check_says_its_rule():
    for checks in CHECKS.values():
        for check in checks:
            assert check.reason.endswith(".") and len(check.reason) < 130, check.name


# Packages


def entry(target):
    return Entry("loss", "toy", "csa", "codaar-plugin-csa", "1.0", target)


def source(folder, content):
    path = folder / "module.py"
    path.write_text(content)
    return {"sources": (path,)}


def module(folder, name, content):
    (folder / f"{name}.py").write_text(content)
    return {"entries": (entry(f"{name}:Toy"),)}


FETCHES = "from urllib.request import urlopen\nurlopen('http://localhost:9/')"
MISTAKES = [
    ("entry-points", lambda folder: {"entries": (entry("nowhere_at_all:Toy"),)}, "No module named 'nowhere_at_all'"),
    ("distribution-name", lambda folder: {"distribution": "Codaar_Plugin_CSA"}, 'write name = "codaar-plugin-csa"'),
    ("distribution-name", lambda folder: {"distribution": "csa"}, 'write name = "codaar-plugin-csa"'),
    ("requires-core", lambda folder: {"requires": ()}, 'add "codaar-core>=0.1,<1"'),
    ("licence", lambda folder: {"licence": ""}, 'write license = "MIT"'),
    ("readme", lambda folder: {"readme": ""}, 'write readme = "README.md"'),
    ("light-import", lambda folder: module(folder, "toy_heavy", "import wandb"), "it imports wandb"),
    ("light-import", lambda folder: module(folder, "toy_loud", "print('hello')"), "the import prints 'hello'"),
    ("light-import", lambda folder: module(folder, "toy_broken", "1 / 0"), "ZeroDivisionError"),
    ("light-import", lambda folder: module(folder, "toy_online", FETCHES), "no network while a plug-in is imported"),
    (
        "public-core",
        lambda folder: source(folder, "from codaar_core.engine import run"),
        "codaar_core.engine, which is",
    ),
    (
        "public-core",
        lambda folder: source(folder, "from codaar_core import registry"),
        "codaar_core.registry, which is",
    ),
    (
        "any-device",
        lambda folder: source(folder, "def f(x):\n    return x.cuda()"),
        "module.py:2 moves a tensor or module",
    ),
    (
        "any-device",
        lambda folder: source(folder, "def f(x):\n    return x.to('cuda:0')"),
        "take the device of a tensor",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), MISTAKES, ids=[f"{name}-{m[:12]}" for name, _, m in MISTAKES])
def test_a_mistake_of_packaging_is_caught(name, change, message, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "wandb.py").write_text("")
    wrong = attrs.evolve(installed_package("csa"), **change(tmp_path))
    outcome = Case(check_called("package", name), wrong).run()
    assert outcome.state == "failed" and message in outcome.message


def test_an_import_that_takes_long_is_caught(monkeypatch):
    monkeypatch.setattr("codaar_core.testing.checks.package.IMPORT_TIME", 0.0)
    outcome = Case(check_called("package", "light-import"), installed_package("csa")).run()
    assert outcome.state == "failed" and "s beyond torch and core, which take" in outcome.message


@pytest.mark.parametrize("check", checks_of("package"), ids=lambda check: check.name)
def test_a_good_package_passes(check):
    outcome = Case(check, installed_package("csa")).run()
    assert outcome.state == "passed", outcome.message
