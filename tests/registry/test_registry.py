from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import tomli

from codaar_core.registry import (
    KINDS,
    Entry,
    LoadProblem,
    NameClash,
    NotInstalled,
    Registry,
    UnknownName,
    kind_called,
    list_components,
    registry,
    summary,
)
from codaar_core.registry.index.known_plugins import Known, known_plugins
from codaar_core.registry.local import kebab_case, load_file

ROOT = Path(__file__).resolve().parents[2]

LOSS = """
from __future__ import annotations
import attrs
from codaar_core.api import Loss

class {name}(Loss):
    '''A loss.'''
    def forward(self, view):
        return {{}}
"""


def known(distribution: str, *provides: str) -> Known:
    provider = distribution.removeprefix("codaar-plugin-")
    return Known(distribution, provider, "What it is", "official", "plugins/x", "MIT", ">=0.1,<1", provides)


def index(monkeypatch, *plugins: Known):
    monkeypatch.setattr(registry, "known_plugins", lambda: plugins)
    from codaar_core.registry.index import known_plugins as index_module

    monkeypatch.setattr(index_module, "known_plugins", lambda: plugins)


def test_kinds_match_the_contracts():
    import codaar_core.api as api

    for kind in KINDS.values():
        assert kind.load_base().kind == kind.name
    components = {name for name in api.__all__ if getattr(getattr(api, name), "kind", None) in KINDS}
    special = {"RunLogger", "SharingLoss"}  # hooks with a common purpose, and losses in two halves
    assert components == {kind.base for kind in KINDS.values()} | special


def test_a_kind_is_found_by_singular_and_plural():
    assert kind_called("loss") is kind_called("losses") is KINDS["loss"]


def test_metadata_becomes_entries_without_import(site):
    site.add_toy()
    assert Registry().entries("loss") == [
        Entry("loss", "toy-loss", "toy", "codaar-plugin-toy", "0.3.0", "codaar_plugin_toy.components:ToyLoss")
    ]
    assert "codaar_plugin_toy" not in sys.modules


def test_the_summary_is_read_without_import(site):
    site.add_toy()
    assert summary(Registry().find("encoder", "toy-encoder")) == "Encodes toys."
    assert "codaar_plugin_toy" not in sys.modules


@pytest.mark.parametrize("target", ["nowhere:X", "codaar_plugin_toy.components:Absent", "codaar_plugin_toy.gone:X"])
def test_no_summary_if_nothing_is_found(site, target):
    site.add_toy()
    assert summary(Entry("loss", "x", "toy", "codaar-plugin-toy", "1", target)) == ""


def test_find_by_bare_and_full_name(site):
    site.add_toy()
    found = Registry()
    assert found.find("head", "toy-head") == found.find("head", "toy:toy-head")


def test_two_packages_with_one_name(site):
    site.add_toy()
    site.add("codaar-plugin-other", {"loss": {"toy-loss": "other:X"}}, "2.1")
    with pytest.raises(NameClash) as caught:
        Registry().find("loss", "toy-loss")
    assert caught.value.message == "loss 'toy-loss' is provided by 2 installed packages"
    assert caught.value.help == (
        'write "other:toy-loss" (codaar-plugin-other 2.1) or "toy:toy-loss" (codaar-plugin-toy 0.3.0)'
    )
    assert Registry().find("loss", "other:toy-loss").distribution == "codaar-plugin-other"


def test_a_package_without_prefix_is_its_own_provider(site):
    site.add("Some_Losses", {"loss": {"x": "some:X"}})
    assert Registry().find("loss", "some-losses:x").provider == "some-losses"


@pytest.mark.parametrize(
    ("kind", "use", "help"),
    [
        ("loss", "toy-lose", "did you mean 'toy-loss'? `codaar list losses` lists all 1"),
        ("loss", "else:toy-loss", "did you mean 'toy:toy-loss'? `codaar list losses` lists all 1"),
        ("loss", "toy-align", "'toy-align' is the name of an alignment step; `codaar list losses` lists all 1"),
        ("loss", "nothing-like-it", "`codaar list losses` lists all 1"),
        ("loss", "", "`codaar list losses` lists all 1"),
        ("loss", "a:b:c", "`codaar list losses` lists all 1"),
    ],
)
def test_unknown_names(site, kind, use, help):
    site.add_toy()
    with pytest.raises(UnknownName) as caught:
        Registry().find(kind, use)
    assert caught.value.message == f"there is no {KINDS[kind].title} {use!r}"
    assert caught.value.help == help


def test_a_known_plugin_that_is_not_installed(site, monkeypatch):
    index(monkeypatch, known("codaar-plugin-far", "loss:distant"))
    with pytest.raises(NotInstalled) as caught:
        Registry().find("loss", "distant")
    assert str(caught.value) == (
        "loss 'distant' comes from codaar-plugin-far, which is not installed\n   = help: pip install codaar-plugin-far"
    )
    with pytest.raises(NotInstalled):
        Registry().find("loss", "far:distant")
    with pytest.raises(UnknownName):
        Registry().find("loss", "near:distant")


def test_several_known_plugins_with_the_component(site, monkeypatch):
    index(monkeypatch, known("codaar-plugin-far", "loss:distant"), known("codaar-plugin-off", "loss:distant"))
    with pytest.raises(NotInstalled) as caught:
        Registry().find("loss", "distant")
    assert caught.value.help == "pip install codaar-plugin-far or pip install codaar-plugin-off"


def test_an_installed_plugin_that_is_too_old(site, monkeypatch):
    site.add_toy()
    index(monkeypatch, known("codaar-plugin-toy", "loss:new"))
    with pytest.raises(NotInstalled) as caught:
        Registry().find("loss", "new")
    assert caught.value.help == "pip install --upgrade codaar-plugin-toy"


def test_loading_gives_the_class(site):
    site.add_toy()
    found = Registry()
    assert found.load(found.find("loss", "toy-loss")).__name__ == "ToyLoss"


def load_problem(site, content: str, target: str = "broken:X", **options) -> LoadProblem:
    site.add("codaar-plugin-broken", {"loss": {"x": target}}, "0.9", {"broken.py": content}, **options)
    found = Registry()
    sys.modules.pop("broken", None)
    with pytest.raises(LoadProblem) as caught:
        found.load(found.find("loss", "x"))
    assert "codaar-plugin-broken 0.9" in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("import einx_is_missing", "ModuleNotFoundError: No module named 'einx_is_missing'"),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("Y = 1", "AttributeError: "),
        ("X = 1", "broken:X is not a subclass of codaar_core.api.Loss"),
        ("from codaar_core.api import RunHooks as X", "broken:X is not a subclass of codaar_core.api.Loss"),
        ("from codaar_core.api import Loss\nclass X(Loss): pass", "X does not define forward"),
        (
            LOSS.format(name="X") + "    class Config: pass\n",
            "X.Config is not decorated with @attrs.frozen(kw_only=True)",
        ),
        (
            LOSS.format(name="X") + "    @attrs.define\n    class Config:\n        a: int = 1\n",
            "X.Config is not decorated with @attrs.frozen(kw_only=True)",
        ),
        (
            LOSS.format(name="X") + "    @attrs.frozen\n    class Config:\n        a: Absent = 1\n",
            "the types of X.Config cannot be resolved: name 'Absent' is not defined",
        ),
    ],
)
def test_every_failure_to_load_is_one_load_problem(site, content, cause):
    message = load_problem(site, content).message
    assert message.startswith("loss 'broken:x' could not be loaded from codaar-plugin-broken 0.9: ")
    assert cause in message


def test_the_line_that_failed_is_named(site):
    assert load_problem(site, "\n\n1 / 0").message.endswith("broken.py:3)")


CARDLESS = """
from codaar_core.api import DataSource


class X(DataSource):
    {card}
    spaces = {{}}

    def split(self, name):
        return None

    def synthetic(self, clips, seed):
        return None
"""


@pytest.mark.parametrize(
    ("card", "cause"),
    [("...", "X does not define card, a codaar_core.api.Card"), ("card = 'CC0'", "X.card is 'CC0', not a codaar_core")],
)
def test_a_data_source_without_card_is_refused(site, card, cause):
    site.add("codaar-plugin-bare", {"data": {"x": "bare:X"}}, modules={"bare.py": CARDLESS.format(card=card)})
    found = Registry()
    sys.modules.pop("bare", None)
    with pytest.raises(LoadProblem) as caught:
        found.load(found.find("data", "x"))
    assert cause in caught.value.message


def test_what_a_plugin_prints_when_it_is_imported_goes_to_stderr(site, here, capsys):
    loud = LOSS.format(name="X") + "\nprint('hello')\n"
    site.add("codaar-plugin-loud", {"loss": {"x": "loud:X"}}, modules={"loud.py": loud})
    found = Registry()
    found.load(found.find("loss", "x"))
    assert capsys.readouterr() == ("", "hello\n")
    Path("mine.py").write_text(loud.replace("hello", "hello from a file"))
    found.add_file(Path("mine.py"))
    assert capsys.readouterr() == ("", "hello from a file\n")


def test_an_incompatible_plugin_is_not_imported(site):
    error = load_problem(site, "raise AssertionError('imported')", requires=["codaar-core<0.1"])
    this = version("codaar-core")
    assert error.message == f"codaar-plugin-broken 0.9 needs codaar-core <0.1, this is {this}; it was not imported"
    assert error.help == "pip install --upgrade codaar-plugin-broken codaar-core"


def test_a_requirement_for_another_environment_is_ignored(site):
    marked = 'codaar-core<0.1; python_version < "3"'
    site.add(
        "codaar-plugin-fine", {"loss": {"x": "fine:X"}}, modules={"fine.py": LOSS.format(name="X")}, requires=[marked]
    )
    found = Registry()
    assert found.load(found.find("loss", "x")).__name__ == "X"


def test_a_broken_plugin_does_not_affect_others(site):
    site.add_toy()
    site.add("codaar-plugin-broken", {"loss": {"x": "broken_too:X"}}, modules={"broken_too.py": "1 / 0"})
    assert [line.use for line in list_components("loss")] == ["toy-loss", "x"]
    found = Registry()
    found.load(found.find("loss", "toy-loss"))


LOCAL = """
from codaar_core.api import Encoder, Loss
from codaar_core.api import RunHooks as _Base

class Unfinished(Loss):
    pass

class GatedL1(Loss):
    def forward(self, view):
        return {}

class Printer(_Base):
    name = "print"
"""


def test_a_local_file_offers_its_concrete_components(site, here):
    Path("mine.py").write_text(LOCAL)
    found = Registry()
    found.add_file(Path("mine.py"))
    assert [entry.full_name for entry in found.entries("loss")] == ["local:gated-l1"]
    assert found.load(found.find("hook", "print")).__name__ == "Printer"
    entry = found.find("loss", "local:gated-l1")
    assert entry.distribution == "mine.py" and len(entry.version) == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no plug-in file 'mine.py'"),
        ("x = 1", "mine.py defines no component"),
        ("1 / 0", "the plug-in file mine.py could not be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_a_local_file_that_cannot_be_used(site, here, content, message):
    if content:
        Path("mine.py").write_text(content)
    with pytest.raises(LoadProblem) as caught:
        Registry().add_file(Path("mine.py"))
    assert caught.value.message.startswith(message)


def test_two_local_files_with_one_name(site, here):
    for file in ("a.py", "b.py"):
        Path(file).write_text(LOSS.format(name="Same") + f"# {file}")
    found = Registry()
    found.add_file(Path("a.py"))
    found.add_file(Path("b.py"))
    with pytest.raises(NameClash) as caught:
        found.find("loss", "same")
    assert caught.value.message == "loss 'same' is defined 2 times: in a.py and b.py"


def test_a_changed_local_file_is_read_again(site, here):
    Path("mine.py").write_text(LOSS.format(name="Before"))
    assert [entry.name for entry in load_file(Path("mine.py"))] == ["before"]
    Path("mine.py").write_text(LOSS.format(name="After"))
    assert [entry.name for entry in load_file(Path("mine.py"))] == ["after"]


@pytest.mark.parametrize(
    ("name", "kebab"), [("GatedMask", "gated-mask"), ("L1", "l1"), ("FPNMask", "fpn-mask"), ("InfoNCE", "info-nce")]
)
def test_kebab_case(name, kebab):
    assert kebab_case(name) == kebab


# The index


def test_every_plugin_of_the_index_can_be_read():
    listed = tomli.loads((ROOT / "registry" / "plugins.toml").read_text("utf-8"))["plugins"]
    assert {plugin.distribution for plugin in known_plugins()} == listed.keys()


def test_listing_and_missing_names_do_not_import_torch():
    code = """
import sys
from codaar_core.registry import Registry, RegistryError, list_components
list_components()
try:
    Registry().find("loss", "nothing-like-it")
except RegistryError:
    pass
assert not {"torch", "numpy"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
