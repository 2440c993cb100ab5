from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tomli
import tomli_w

from codaar_core import index_entry, sync_index, verify_index
from codaar_core.api import CodaarError
from codaar_core.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """\
[project]
name = "codaar-plugin-one"
description = "What one does, in a line"
license = "MIT"
dependencies = ["torch>=2", "codaar-core>=0.1,<1"]

[project.entry-points."codaar.losses"]
first = "codaar_plugin_one:First"
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with one plug-in, and an index without any."""
    (tmp_path / "registry").mkdir()
    shutil.copy(ROOT / "registry" / "schema.json", tmp_path / "registry")
    (tmp_path / "registry" / "plugins.toml").write_text("format = 1\n[plugins]\n")
    (tmp_path / "plugins" / "one").mkdir(parents=True)
    (tmp_path / "plugins" / "one" / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def listed(checkout: Path) -> dict:
    return tomli.loads((checkout / "registry" / "plugins.toml").read_text())["plugins"]


def change(checkout: Path, distribution: str = "codaar-plugin-one", **fields: object) -> list[str]:
    """Synchronise, change some fields, verify."""
    sync_index(checkout)
    plugins = listed(checkout)
    block = {**plugins["codaar-plugin-one"], **fields}
    plugins[distribution] = {key: value for key, value in block.items() if value is not None}
    (checkout / "registry" / "plugins.toml").write_text(tomli_w.dumps({"format": 1, "plugins": plugins}))
    return [str(found) for found in verify_index(checkout) if found.state == "broken"]


def test_the_index_of_this_repository_is_valid_and_up_to_date(tmp_path):
    assert [found for found in verify_index(ROOT) if found.state == "broken"] == []
    (tmp_path / "registry").mkdir()
    shutil.copy(ROOT / "registry" / "plugins.toml", tmp_path / "registry")
    (tmp_path / "plugins").symlink_to(ROOT / "plugins")
    sync_index(tmp_path)
    assert (tmp_path / "registry" / "plugins.toml").read_text() == (ROOT / "registry" / "plugins.toml").read_text()


def test_the_schema_knows_every_kind():
    schema = json.loads((ROOT / "registry" / "schema.json").read_text())
    pattern = schema["definitions"]["plugin"]["properties"]["provides"]["items"]["pattern"]
    assert pattern.partition(":")[0].strip("^()").split("|") == list(KINDS)


def test_sync_writes_the_fields_of_pyproject(checkout):
    assert [str(found) for found in verify_index(checkout)] == [
        "codaar-plugin-one (plugins/one) is not listed; codaar registry sync"
    ]
    sync_index(checkout)
    assert listed(checkout) == {
        "codaar-plugin-one": {
            "provider": "one",
            "summary": "What one does, in a line",
            "status": "official",
            "source": "plugins/one",
            "licence": "MIT",
            "core": ">=0.1,<1",
            "provides": ["loss:first"],
        }
    }
    assert verify_index(checkout) == []


def test_sync_keeps_fields_written_by_hand(checkout):
    change(checkout, summary="Said better than there", status="incubating", data="CC0-1.0", provides=["loss:old"])
    sync_index(checkout)
    block = listed(checkout)["codaar-plugin-one"]
    assert (block["summary"], block["status"], block["data"]) == ("Said better than there", "incubating", "CC0-1.0")
    assert block["provides"] == ["loss:first"]
    once = (checkout / "registry" / "plugins.toml").read_text()
    sync_index(checkout)
    assert (checkout / "registry" / "plugins.toml").read_text() == once


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"provides": ["loss:other"]}, "provides differ from plugins/one/pyproject.toml; codaar registry sync"),
        ({"licence": "MIT-ish"}, "licence 'MIT-ish' is not an SPDX expression"),
        ({"licence": "Apache-2.0"}, "licence differ from plugins/one/pyproject.toml"),
        ({"core": "about 1"}, "core 'about 1' is not a version range"),
        ({"provider": "two"}, "codaar-plugin-one.provider 'two' is not its provider; write \"one\""),
        ({"status": "great"}, "plugins.codaar-plugin-one.status: 'great' is not one of"),
        ({"licence": None}, "'licence' is a required property"),
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"provides": ["los:first"]}, "does not match"),
        ({"distribution": "codaar-plugin-two", "source": "plugins/gone"}, "there is no folder plugins/gone"),
        ({"distribution": "codaar_plugin_One", "source": "https://example.org/one"}, "is not normalised"),
    ],
)
def test_what_verify_finds(checkout, fields, said):
    found = change(checkout, **fields)
    assert any(said in each for each in found), found


def test_a_name_of_two_plugins_is_a_note(checkout):
    assert change(checkout, "codaar-plugin-two", provider="two", source="https://example.org/two") == []
    assert [str(found) for found in verify_index(checkout)] == [
        "loss:first is provided by codaar-plugin-one and codaar-plugin-two"
    ]


def test_outside_of_a_checkout(tmp_path):
    with pytest.raises(CodaarError) as caught:
        verify_index(tmp_path)
    assert caught.value.help == "run this in the root of a checkout"


def test_the_entry_of_an_installed_plugin_can_be_added_to_the_index(site, checkout):
    site.add_toy()
    info = next(site.folder.glob("*.dist-info"))
    with (info / "METADATA").open("a") as metadata:
        metadata.write(
            "Summary: Toys of every kind\nLicense-Expression: BSD-3-Clause\nProject-URL: Source, https://example.org/toy\n"
        )
    block = index_entry("toy")
    assert index_entry("codaar-plugin-toy") == block
    sync_index(checkout)
    with (checkout / "registry" / "plugins.toml").open("a") as file:
        file.write(f"\n{block}")
    assert verify_index(checkout) == []
    assert listed(checkout)["codaar-plugin-toy"]["core"] == ">=0.1,<1"


def test_the_entry_of_a_plugin_that_is_not_installed(site):
    with pytest.raises(CodaarError, match="no plug-in 'nothing' with components is installed"):
        index_entry("nothing")
